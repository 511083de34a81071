import Foundation
import Testing

/// A small set in CIFAR-10's binary form, drawn by the program: 2,000 training and 500 test images.
enum SmallData {
    static let trainingCount = 2000
    static let testCount = 500

    /// Flags for a run on it that takes about a second.
    static let flags = ["--validation-size", "200", "--epochs", "2"]

    private static let made = Result {
        let directory = try Scratch.newPath("small")
        try Program.succeed([
            "data", "synthesize", "--output", directory.path, "--training-count", "\(trainingCount)",
            "--test-count", "\(testCount)", "--seed", "1",
        ])
        return directory
    }

    /// The directory to give to `--data`.
    static func directory() throws -> URL { try made.get() }

    /// A copy that a test may damage.
    static func copy() throws -> URL {
        let copy = try Scratch.newPath("copy")
        try FileManager.default.copyItem(at: directory(), to: copy)
        return copy
    }

    /// A file of the set, in whatever folder below `directory` it lies.
    static func file(_ name: String, in directory: URL) throws -> URL {
        let below = FileManager.default.enumerator(atPath: directory.path)?.compactMap { $0 as? String } ?? []
        let path = try #require(
            below.first { $0 == name || $0.hasSuffix("/" + name) }, "no \(name) in \(directory)")
        return directory.appending(path: path)
    }
}

/// CIFAR-10 itself, where it is at hand: in `$DP_TRAIN_TEST_DATA`, or in `shared/data` beside the package.
enum Cifar10 {
    static let sharedDirectory: URL = {
        if let path = ProcessInfo.processInfo.environment["DP_TRAIN_TEST_DATA"] { return URL(filePath: path) }
        return Program.packageRoot.deletingLastPathComponent().appending(path: "shared/data")
    }()

    static let archive = sharedDirectory.appending(path: "cifar-10-binary.tar.gz")
    static let truncatedPythonTestBatch = sharedDirectory.appending(path: "truncated/test_batch")

    static var isAvailable: Bool { FileManager.default.fileExists(atPath: archive.path) }
    static let absence: Comment =
        "needs cifar-10-binary.tar.gz in ../shared/data of the package or in $DP_TRAIN_TEST_DATA"

    static var runsLongTests: Bool {
        isAvailable && ProcessInfo.processInfo.environment["DP_TRAIN_LONG_TESTS"] == "1"
    }
    static let longTests: Comment = "takes minutes: set DP_TRAIN_LONG_TESTS=1 (and have CIFAR-10 at hand)"

    private static let unpacked = Result {
        let directory = try Scratch.makeDirectory("cifar-10")
        let outcome = try Program.tool(["tar", "-xzf", archive.path, "-C", directory.path])
        try #require(outcome.status == 0, "\(outcome.summary)")
        return directory.appending(path: "cifar-10-batches-bin")
    }

    /// The unpacked binary version.
    static func directory() throws -> URL { try unpacked.get() }
}

/// The Python that a test asks for: `$DP_TRAIN_TEST_PYTHON`, or `python3`.
enum Python {
    static let interpreter = ProcessInfo.processInfo.environment["DP_TRAIN_TEST_PYTHON"] ?? "python3"

    static func has(_ modules: String) -> Bool {
        (try? Program.tool([interpreter, "-c", "import \(modules)"]))?.status == 0
    }

    /// Runs a script; a failure fails the test.
    static func run(
        _ script: String, _ arguments: [String], sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Data {
        let outcome = try Program.tool([interpreter, "-c", script] + arguments)
        try #require(outcome.status == 0, "\(outcome.summary)", sourceLocation: sourceLocation)
        return outcome.output
    }
}
