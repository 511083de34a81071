import Dispatch
import Foundation
import Training

/// Starts this program on several ranks and reads the report that it prints.
struct RankLaunch {
    private let mpirun: URL
    private let program: URL
    private let launcherOptions: [String]
    private let timeLimit: Double

    /// Finds mpirun.
    ///
    /// - Parameters:
    ///   - launcherOptions: Further options of mpirun.
    ///   - timeLimit: The longest time in seconds that ranks may run.
    /// - Throws: ``LaunchError``.
    init(launcherOptions: [String], timeLimit: Double) throws {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let candidates = path.split(separator: ":").map {
            URL(filePath: String($0)).appending(path: "mpirun")
        }
        let found = candidates.first { FileManager.default.isExecutableFile(atPath: $0.path) }
        guard let found else {
            throw LaunchError("mpirun: no such program in PATH; expected that of the MPI library in use")
        }
        guard let program = Bundle.main.executableURL else {
            throw LaunchError("this program's own file: expected a path, found none")
        }
        mpirun = found
        self.program = program
        self.launcherOptions = launcherOptions
        self.timeLimit = timeLimit
    }

    /// Runs this program to its end.
    ///
    /// - Throws: ``LaunchError`` where the ranks fail, take too long or print no report. None of them is left then.
    func run(_ arguments: [String], ranks: Int) throws -> BenchmarkReport {
        let process = Process()
        process.executableURL = mpirun
        let isCrowded = ranks > ProcessInfo.processInfo.activeProcessorCount
        process.arguments =
            ["-np", "\(ranks)"] + (isCrowded ? ["--oversubscribe"] : []) + launcherOptions + [program.path]
            + arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardInput = FileHandle.nullDevice
        do {
            try process.run()
        } catch {
            throw LaunchError("\(mpirun.path): expected it to start, found: \(error.localizedDescription)")
        }
        let data: Data
        let watch = ProcessWatch(process, timeLimit: timeLimit)
        do {
            data = try output.fileHandleForReading.readToEnd() ?? Data()
        } catch {
            watch.stop()
            throw LaunchError("reading from \(mpirun.path): \(error.localizedDescription)")
        }
        process.waitUntilExit()
        watch.end()
        if watch.isTooLate {
            throw LaunchError("\(ranks) ranks: expected an end within \(timeLimit) s (--time-limit)")
        }
        guard !watch.isInterrupted else { throw LaunchError("\(ranks) ranks: interrupted") }
        guard process.terminationReason == .exit, process.terminationStatus == 0 else {
            throw LaunchError(
                "\(ranks) ranks: expected exit code 0 of mpirun, found \(process.terminationStatus)")
        }
        do {
            return try JSONDecoder().decode(BenchmarkReport.self, from: data)
        } catch {
            throw LaunchError(
                "\(ranks) ranks: expected a report in JSON, found \(data.count) bytes of others")
        }
    }
}

/// Why ranks could not be started or did not come to their end.
struct LaunchError: LocalizedError {
    let errorDescription: String?

    init(_ message: String) { errorDescription = message }
}
