import Foundation
import Testing

extension EndToEnd {
    @Suite("Data sets that cannot be used")
    struct BadDataTests {
        @Test("A missing directory is named", arguments: [nil, 4])
        func missingDirectory(ranks: Int?) throws {
            let missing = try Scratch.newPath("no-such-directory")
            try expectRefusal(of: missing, naming: [missing.path], ranks: ranks)
        }

        @Test("A directory without a data set is named", arguments: [nil, 4])
        func emptyDirectory(ranks: Int?) throws {
            let empty = try Scratch.makeDirectory("nothing-in-it")
            try expectRefusal(of: empty, naming: [empty.lastPathComponent], ranks: ranks)
        }

        @Test("A batch file that ends in the middle of a record is named", arguments: [nil, 4])
        func cutFile(ranks: Int?) throws {
            try expectRefusalOfCopy(naming: "data_batch_3.bin", ranks: ranks) { $0.removeLast(1000) }
        }

        @Test("A label of 10 or more is refused with its file", arguments: [nil, 4])
        func labelOutOfRange(ranks: Int?) throws {
            for label in [UInt8(10), 255] {
                try expectRefusalOfCopy(naming: "data_batch_2.bin", and: "\(label)", ranks: ranks) {
                    $0[17 * 3073] = label
                }
            }
        }

        @Test("A label of 10 in the test file is refused before training", arguments: [nil, 4])
        func testLabelOutOfRange(ranks: Int?) throws {
            try expectRefusalOfCopy(naming: "test_batch.bin", ranks: ranks) { $0[499 * 3073] = 10 }
        }

        @Test("An empty file is named", arguments: [nil, 4])
        func emptyFile(ranks: Int?) throws {
            try expectRefusalOfCopy(naming: "data_batch_1.bin", ranks: ranks) { $0 = Data() }
        }

        @Test("A missing file is named", arguments: [nil, 4])
        func missingFile(ranks: Int?) throws {
            let copy = try SmallData.copy()
            try FileManager.default.removeItem(at: SmallData.file("data_batch_5.bin", in: copy))
            try expectRefusal(of: copy, naming: ["data_batch_5.bin"], ranks: ranks)
        }

        @Test("A PNG image given as an archive is refused by name", arguments: [nil, 4])
        func imageAsArchive(ranks: Int?) throws {
            for name in ["cat.png", "cifar-10-binary.tar.gz"] {
                let image = try Scratch.newPath(name)
                try Self.png.write(to: image)
                try expectRefusal(of: image, naming: [name], ranks: ranks)
            }
        }

        @Test("A pickle that asks for os.system is refused and runs nothing", arguments: [nil, 4])
        func maliciousPickle(ranks: Int?) throws {
            let directory = try Scratch.makeDirectory("cifar-10-batches-py")
            let witness = try Scratch.newPath("executed")
            let command = Data("touch \(witness.path)".utf8)
            // Protocol 2: GLOBAL os system, BINUNICODE command, TUPLE1, REDUCE, STOP.
            var pickle = Data([0x80, 2]) + Data("cos\nsystem\nX".utf8)
            withUnsafeBytes(of: UInt32(command.count).littleEndian) { pickle += Data($0) }
            pickle += command + Data([0x85]) + Data("R.".utf8)
            for name in [
                "data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch",
            ] {
                try pickle.write(to: directory.appending(path: name))
            }
            try expectRefusal(of: directory, naming: ["data_batch_1"], ranks: ranks)
            #expect(
                !FileManager.default.fileExists(atPath: witness.path), "the pickle's command was executed")
        }

        @Test(
            "A file that only the last of four ranks cannot read ends all four", arguments: ["gone", "cut"])
        func damagedForOneRank(damage: String) throws {
            // The same relative path in two working directories, as on a cluster whose nodes have their own disks.
            let intact = try SmallData.copy()
            let damaged = try SmallData.copy()
            let file = try SmallData.file("data_batch_4.bin", in: damaged)
            if damage == "gone" {
                try FileManager.default.removeItem(at: file)
            } else {
                try Data(contentsOf: file).dropLast(1000).write(to: file)
            }
            let output = try Scratch.newPath("run")
            let program = [
                Program.executable.path, "--data", "copy", "--output", output.path, "--validation-size",
                "200",
            ]
            let outcome = try Program.tool(
                ["mpirun", "--oversubscribe", "-np", "3", "-wdir", intact.deletingLastPathComponent().path]
                    + program
                    + [":", "-np", "1", "-wdir", damaged.deletingLastPathComponent().path] + program)
            EndToEndTests.expectRefusal(outcome, naming: ["data_batch_4.bin"])
        }

        @Test("verify names a file of the wrong size")
        func verifySize() throws {
            let copy = try SmallData.copy()
            let file = try SmallData.file("data_batch_3.bin", in: copy)
            try Data(contentsOf: file).dropLast(1).write(to: file)
            let outcome = try Program.run(["data", "verify", "--data", copy.path])
            EndToEndTests.expectRefusal(outcome, naming: ["data_batch_3.bin"])
        }

        @Test("verify reports a wrong label with its file")
        func verifyLabel() throws {
            let copy = try SmallData.copy()
            let file = try SmallData.file("data_batch_3.bin", in: copy)
            var contents = try Data(contentsOf: file)
            contents[5 * 3073] = 77
            try contents.write(to: file)
            let outcome = try Program.run(["data", "verify", "--data", copy.path])
            let problems = outcome.outputText.split(separator: "\n").filter { $0.hasPrefix("problem:") }
            #expect(outcome.status != 0 && outcome.status < 128 && !outcome.timedOut, "\(outcome.summary)")
            #expect(
                problems.count == 1
                    && problems.allSatisfy { $0.contains("data_batch_3.bin") && $0.contains("77") },
                "\(outcome.summary)")
        }

        /// The smallest PNG: 1 × 1 pixels.
        private static let png =
            Data(
                base64Encoded:
                    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
            ) ?? Data()

        private func expectRefusal(of data: URL, naming names: [String], ranks: Int?) throws {
            let output = try Scratch.newPath("run")
            let outcome = try Program.run(
                ["--data", data.path, "--output", output.path] + SmallData.flags, ranks: ranks)
            EndToEndTests.expectRefusal(outcome, naming: names)
        }

        private func expectRefusalOfCopy(
            naming name: String, and value: String? = nil, ranks: Int?, change: (inout Data) -> Void
        ) throws {
            let copy = try SmallData.copy()
            let file = try SmallData.file(name, in: copy)
            var contents = try Data(contentsOf: file)
            change(&contents)
            try contents.write(to: file)
            try expectRefusal(of: copy, naming: [name] + (value.map { [$0] } ?? []), ranks: ranks)
        }
    }
}
