import Foundation
import Testing

extension EndToEnd {
    @Suite("Where the data come from")
    struct DataSourceTests {
        /// Writes the python version of a binary set, each file in another protocol, as torchvision leaves it behind.
        private static let toPythonVersion = """
            import pathlib, pickle, sys
            import numpy
            source, target = map(pathlib.Path, sys.argv[1:])
            target.mkdir()
            for protocol, path in zip([2, 3, 4, 5, 2, 4], sorted(source.rglob("*_batch*.bin"))):
                records = numpy.fromfile(path, dtype=numpy.uint8).reshape(-1, 3073)
                batch = {
                    b"batch_label": b"training batch 1 of 5",
                    b"labels": records[:, 0].tolist(),
                    b"data": numpy.ascontiguousarray(records[:, 1:]),
                    b"filenames": [b"image_%d.png" % index for index in range(len(records))],
                }
                with open(target / path.stem, "wb") as file:
                    pickle.dump(batch, file, protocol=protocol)
            with open(target / "batches.meta", "wb") as file:
                pickle.dump({b"num_cases_per_batch": 10000, b"label_names": [], b"num_vis": 3072}, file, protocol=2)
            """
        private static let needsNumPy: Comment =
            "needs Python's package numpy; $DP_TRAIN_TEST_PYTHON names the interpreter"

        @Test(
            "The python version trains the same model as the binary version",
            .enabled(if: Python.has("numpy"), needsNumPy))
        func pythonVersion() throws {
            let binary = try SmallData.directory()
            let python = try Scratch.newPath("cifar-10-batches-py")
            _ = try Python.run(Self.toPythonVersion, [binary.path, python.path])
            let fromBinary = try Program.train(["--data", binary.path] + SmallData.flags)
            let fromPython = try Program.train(["--data", python.path] + SmallData.flags)
            #expect(try fromPython.summary().tensorsSha256 == fromBinary.summary().tensorsSha256)
            #expect(try fromPython.summary().testLoss == fromBinary.summary().testLoss)
            #expect(try fromPython.epochs().map(\.trainLoss) == fromBinary.epochs().map(\.trainLoss))
        }

        @Test(
            "A python-version file cut short is refused by name",
            .enabled(if: Python.has("numpy"), needsNumPy),
            .enabled(
                if: FileManager.default.fileExists(atPath: Cifar10.truncatedPythonTestBatch.path),
                "needs truncated/test_batch in ../shared/data of the package or in $DP_TRAIN_TEST_DATA"),
            arguments: [nil, 4])
        func truncatedPythonVersion(ranks: Int?) throws {
            let python = try Scratch.newPath("cifar-10-batches-py")
            _ = try Python.run(Self.toPythonVersion, [SmallData.directory().path, python.path])
            let testBatch = python.appending(path: "test_batch")
            try Data(contentsOf: Cifar10.truncatedPythonTestBatch).write(to: testBatch)
            let output = try Scratch.newPath("run")
            let outcome = try Program.run(
                ["--data", python.path, "--output", output.path] + SmallData.flags, ranks: ranks)
            expectRefusal(outcome, naming: ["test_batch"])
        }

        @Test("An archive is read as it is", arguments: ["cifar-10-binary.tar.gz", "renamed.tgz"])
        func archive(name: String) throws {
            let binary = try SmallData.directory()
            let folder = try Scratch.makeDirectory("archive")
            let batches = folder.appending(path: "cifar-10-batches-bin")
            try FileManager.default.createDirectory(at: batches, withIntermediateDirectories: true)
            for file in (1...5).map({ "data_batch_\($0).bin" }) + ["test_batch.bin"] {
                try FileManager.default.copyItem(
                    at: SmallData.file(file, in: binary), to: batches.appending(path: file))
            }
            let archive = folder.appending(path: name)
            let packed = try Program.tool([
                "tar", "-czf", archive.path, "-C", folder.path, "cifar-10-batches-bin",
            ])
            try #require(packed.status == 0, "\(packed.summary)")
            let fromArchive = try Program.train(["--data", archive.path] + SmallData.flags, ranks: 3)
            let fromFolder = try Program.train(["--data", batches.path] + SmallData.flags, ranks: 3)
            #expect(try fromArchive.epochs().map(\.trainLoss) == fromFolder.epochs().map(\.trainLoss))
            #expect(try fromArchive.summary().testLoss == fromFolder.summary().testLoss)
        }

        @Test("$DP_TRAIN_DATA is used where --data is not given, and the first line says so")
        func environmentVariable() throws {
            let data = try SmallData.directory()
            let output = try Scratch.newPath("run")
            let outcome = try Program.succeed(
                ["--output", output.path] + SmallData.flags, in: Scratch.makeDirectory("empty"),
                environment: ["DP_TRAIN_DATA": data.path])
            #expect(try firstLine(of: outcome).contains(data.path))
        }

        @Test("./data is used where nothing else is named, and the first line says so")
        func currentDirectory() throws {
            let directory = try Scratch.makeDirectory("current")
            try FileManager.default.copyItem(at: SmallData.directory(), to: directory.appending(path: "data"))
            let outcome = try Program.succeed(["--output", "run"] + SmallData.flags, in: directory)
            #expect(try firstLine(of: outcome).contains("data"))
            #expect(try !firstLine(of: outcome).contains("synthetic"))
        }

        @Test(
            "Without data it trains on the synthetic set, and the first line says so plainly",
            arguments: [nil, 2])
        func synthetic(ranks: Int?) throws {
            let outcome = try Program.succeed(
                ["--output", "run", "--epochs", "1"], ranks: ranks, in: Scratch.makeDirectory("empty"))
            #expect(try firstLine(of: outcome).contains("synthetic"))
        }

        @Test("verify accepts a sound set and counts it")
        func verify() throws {
            let outcome = try Program.succeed(["data", "verify", "--data", SmallData.directory().path])
            #expect(outcome.outputText.contains(/2[, ]?000/) && outcome.outputText.contains("500"))
        }

        private func firstLine(of outcome: ProcessOutcome) throws -> String {
            try #require(
                outcome.outputText.split(separator: "\n").first.map(String.init), "\(outcome.summary)")
        }
    }
}
