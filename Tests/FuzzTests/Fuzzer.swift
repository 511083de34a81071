import FileTestSupport
import Foundation

/// Runs `dp-train-fuzz`, again behind each input that ended it.
enum Fuzzer {
    /// An input that a parser did not take as it should.
    struct Finding {
        let target: String
        let seed: UInt64
        /// Its number; -1 for a valid one.
        let index: Int
        let input: Data
        let reason: String

        var description: String {
            "\(target), input \(index) of seed \(seed): \(reason); again with dp-train-fuzz \(target) FOLDER --seed \(seed)"
                + " --from \(index) --count 1"
        }

        /// Puts the input into a folder and returns its path.
        func keep(in folder: URL) throws -> String {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let file = folder.appending(path: "\(target)-\(seed)-\(index)")
            try input.write(to: file)
            return file.path
        }
    }

    struct Report {
        var lines: [String] = []
        var findings: [Finding] = []
    }

    /// The folder of the built programs, where the test bundle that runs is.
    private static let products: URL = {
        for argument in CommandLine.arguments {
            guard let bundle = argument.range(of: ".xctest") else { continue }
            let products = URL(filePath: String(argument[..<bundle.upperBound])).deletingLastPathComponent()
            if FileManager.default.isExecutableFile(atPath: products.appending(path: "dp-train-fuzz").path) {
                return products
            }
        }
        return URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: ".build/release")
    }()

    /// Where inputs are kept.
    static let findings: URL = {
        var folder = products
        while folder.lastPathComponent != ".build", folder.path != "/" { folder.deleteLastPathComponent() }
        let parent = folder.path == "/" ? FileManager.default.temporaryDirectory : folder
        return parent.appending(path: "fuzz-findings")
    }()

    /// The names of all parsers.
    static func targets() throws -> [String] {
        let folder = try TemporaryFolder()
        let (status, text) = try start(["--list", folder.path], in: folder, timeLimit: 120)
        guard status == 0 else { throw CocoaError(.executableLoad, userInfo: ["output": text]) }
        return text.split(separator: "\n").map(String.init)
    }

    /// Hands inputs to a parser until the time is up or enough was found.
    static func run(
        _ target: String, seed: UInt64, first: Int = 0, seconds: Double, mostFindings: Int,
        processorSeconds: Int = 10, waitingSeconds: Int = 60
    ) throws -> Report {
        var report = Report()
        var next = first
        let start = ContinuousClock.now
        while report.findings.count < mostFindings {
            let left = seconds - (ContinuousClock.now - start) / .seconds(1)
            guard left > 0 else { break }
            let folder = try TemporaryFolder()
            let (status, text) = try self.start(
                [
                    target, folder.path, "--seed", "\(seed)", "--from", "\(next)", "--seconds", "\(left)",
                    "--processor-seconds", "\(processorSeconds)", "--waiting-seconds", "\(waitingSeconds)",
                ], in: folder, timeLimit: left + 240)
            report.lines += text.split(separator: "\n").map(String.init)
            if status == 0 { break }
            let index = (try? folder.data("index")).flatMap {
                Int(String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))
            }
            report.findings.append(
                Finding(
                    target: target, seed: seed, index: index ?? -2,
                    input: (try? folder.data("input")) ?? Data(), reason: reason(status, text)))
            next = max(next, (index ?? next) + 1)
        }
        return report
    }

    private static func reason(_ status: Int32, _ text: String) -> String {
        switch status - 128 {
        case SIGPROF: "it took too much processor time"
        case SIGALRM: "it waited for too long"
        case SIGKILL: "it was ended from outside, for its memory or its time"
        case 1...: "signal \(status - 128) \(text.suffix(400))"
        default: "exit code \(status): \(text.suffix(400))"
        }
    }

    /// Runs the program to its end; its exit code, or 128 + the signal that ended it, and what it printed.
    private static func start(
        _ arguments: [String], in folder: TemporaryFolder, timeLimit: Double
    ) throws -> (Int32, String) {
        let output = URL(filePath: folder.path("output"))
        try Data().write(to: output)
        let process = Process()
        process.executableURL = products.appending(path: "dp-train-fuzz")
        process.arguments = arguments
        // A trace takes a second for each crash.
        process.environment = ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) {
            $1
        }
        process.standardInput = FileHandle.nullDevice
        let handle = try FileHandle(forWritingTo: output)
        process.standardOutput = handle
        process.standardError = handle
        try process.run()
        let deadline = ContinuousClock.now + .seconds(timeLimit)
        while process.isRunning {
            if ContinuousClock.now > deadline { kill(process.processIdentifier, SIGKILL) }
            Thread.sleep(forTimeInterval: 0.01)
        }
        process.waitUntilExit()
        let status = process.terminationStatus + (process.terminationReason == .uncaughtSignal ? 128 : 0)
        return (status, String(decoding: try Data(contentsOf: output), as: UTF8.self))
    }
}
