import Foundation
import Testing

extension EndToEnd {
    @Suite("Data sets other than CIFAR-10")
    struct OtherDatasetTests {
        /// A set in files of its published layout, made here, and how its runs are told from others.
        struct Layout: CustomTestStringConvertible {
            let word: String
            let name: String
            let widths: String
            /// Makes the set and returns the folder to give to `--data`.
            let directory: @Sendable () throws -> URL

            var testDescription: String { name }
        }

        private static let mnist = Layout(word: "mnist", name: "MNIST", widths: "784 → 16 → 10") {
            try mnistFiles.get()
        }
        private static let cifar100 = Layout(
            word: "cifar100", name: "CIFAR-100", widths: "3072 → 16 → 100"
        ) { try cifar100Files.get() }

        private static let counts = [("train", 600), ("test", 200)]

        /// The image of a class: a bar whose place is the class's, and noise that depends on the record.
        private static func image(_ label: Int, of classes: Int, _ record: Int, bytes: Int) -> [UInt8] {
            var state = UInt64(record &* 1_000_003 &+ label)
            let width = bytes / classes
            return (0..<bytes).map { index in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return (index / width == label ? 160 : 0) + UInt8(state >> 58)
            }
        }

        private static let mnistFiles = Result {
            let folder = try Scratch.makeDirectory("mnist")
            func bytes(of sizes: [Int]) -> [UInt8] {
                [0, 0, 8, UInt8(sizes.count)]
                    + sizes.flatMap { size in [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: size >> $0) } }
            }
            for (split, count) in counts {
                let name = split == "train" ? "train" : "t10k"
                let images = (0..<count).flatMap { image($0 * 7 % 10, of: 10, $0, bytes: 784) }
                let labels = (0..<count).map { UInt8($0 * 7 % 10) }
                for (file, contents) in [
                    ("\(name)-images-idx3-ubyte", bytes(of: [count, 28, 28]) + images),
                    ("\(name)-labels-idx1-ubyte", bytes(of: [count]) + labels),
                ] {
                    try Data(contents).write(to: folder.appending(path: file))
                }
                // One of each kind as it is published: packed.
                let packed = try Program.tool([
                    "gzip", folder.appending(path: "\(name)-images-idx3-ubyte").path,
                ])
                try #require(packed.status == 0, "\(packed.summary)")
            }
            return folder
        }

        private static let cifar100Files = Result {
            let folder = try Scratch.makeDirectory("cifar-100-binary")
            for (split, count) in counts {
                let records = (0..<count).flatMap { record in
                    let label = record * 7 % 100
                    return [UInt8(label / 5), UInt8(label)] + image(label, of: 100, record, bytes: 3072)
                }
                try Data(records).write(to: folder.appending(path: "\(split).bin"))
            }
            return folder
        }

        /// Eleven steps an epoch.
        private static func flags(_ layout: Layout, epochs: Int) throws -> [String] {
            try [
                "--data", layout.directory().path, "--validation-size", "72", "--batch-size", "48",
                "--hidden-dims", "16", "--momentum", "0.9", "--lr", "0.05", "--batch-norm", "sync",
                "--epochs",
                "\(epochs)",
            ]
        }

        @Test("A model learns them, and has the same bits on 1, 2 and 3 ranks", arguments: [mnist, cifar100])
        func sameBits(layout: Layout) throws {
            let flags = try Self.flags(layout, epochs: 6)
            let alone = try Program.train(flags)
            #expect(try alone.summary().testAccuracy > 0.5)
            for ranks in [2, 3] { try Program.train(flags, ranks: ranks).expectEqual(alone) }
        }

        @Test(
            "A run goes on in the middle of an epoch, on other ranks, to what it would have come to",
            arguments: [mnist, cifar100])
        func resume(layout: Layout) throws {
            let whole = try Program.train(
                Self.flags(layout, epochs: 3) + ["--checkpoint-every", "15steps"], ranks: 2)
            let middle = try #require(
                whole.checkpoints().first { $0.lastPathComponent.contains("00000015.") })
            let output = RunDirectory(url: try Scratch.newPath("branch"))
            try Program.succeed(
                [
                    "--data", layout.directory().path, "--resume", middle.path, "--output", output.url.path,
                    "--quiet",
                ], ranks: 3)
            #expect(try output.summary().tensorsSha256 == whole.summary().tensorsSha256)
            #expect(try output.steps() == whole.steps().suffix(whole.steps().count - 15))
        }

        @Test("The header names the set and the model's widths", arguments: [mnist, cifar100])
        func header(layout: Layout) throws {
            let output = try Scratch.newPath("run")
            let outcome = try Program.succeed(
                Self.flags(layout, epochs: 1) + ["--output", output.path, "--dataset", layout.word])
            #expect(outcome.outputText.contains(layout.name + ", "), "\(outcome.summary)")
            #expect(outcome.outputText.contains(layout.widths), "\(outcome.summary)")
            // Not the CPU's fault.
            let saysWhy = outcome.outputText.contains("the only one for images of 28 × 28 pixels")
            #expect(saysWhy == (layout.name == "MNIST"), "\(outcome.summary)")
        }

        @Test("A run does not go on with another set, nor is its model tested with it", arguments: [nil, 2])
        func mixed(ranks: Int?) throws {
            let run = try Program.train(Self.flags(Self.mnist, epochs: 1))
            for data in try [SmallData.directory(), Self.cifar100.directory()] {
                let name = data.path.contains("100") ? "CIFAR-100" : "CIFAR-10"
                let resumed = try Program.run(
                    ["--data", data.path, "--resume", run.url.path, "--epochs", "2"], ranks: ranks)
                expectRefusal(resumed, naming: ["--data", name, "MNIST"])
                let tested = try Program.run(
                    ["evaluate", run.newestCheckpoint().path, "--data", data.path], ranks: ranks)
                expectRefusal(tested, naming: ["--data", name, "MNIST"])
            }
        }

        @Test("A set that was asked for by name and is not there is refused, and so is a name that is none")
        func dataset() throws {
            let output = try Scratch.newPath("run")
            let flags = try ["--data", SmallData.directory().path, "--output", output.path]
            let other = try Program.run(flags + ["--dataset", "fashion-mnist"])
            expectRefusal(other, naming: ["fashion-mnist"])
            let unknown = try Program.run(flags + ["--dataset", "imagenet"])
            expectRefusal(unknown, naming: ["imagenet", "cifar100"])
            let synthetic = try Program.run(["--data", "synthetic", "--dataset", "mnist"])
            expectRefusal(synthetic, naming: ["--dataset", "synthetic"])
        }
    }
}
