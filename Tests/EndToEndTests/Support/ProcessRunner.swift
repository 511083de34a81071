import Foundation

/// What a finished process left behind.
struct ProcessOutcome {
    /// The exit code, or 128 + the signal that ended the process.
    let status: Int32
    let output: Data
    let errorText: String
    let seconds: Double
    /// True if the process did not end by itself within the time limit.
    let timedOut: Bool
    /// Peak resident set in bytes of every watched process, by process id; empty where it cannot be measured.
    let peakResidentBytes: [Int32: Int]

    var outputText: String { String(decoding: output, as: UTF8.self) }

    /// What a failed expectation shows.
    var summary: String {
        """
        exit code \(status)\(timedOut ? " (stopped: out of time)" : "") after \(seconds) s
        --- standard output
        \(outputText.suffix(4000))
        --- standard error
        \(errorText.suffix(4000))
        """
    }
}

/// Runs a program to its end or to a time limit, with its output in files, so that no pipe can fill up.
struct ProcessRunner {
    /// Seconds after which a program counts as hanging. It ends hangs only: no program here needs a tenth of it, on
    /// whatever machine, so that no test hangs on how fast one is.
    static let hangLimit = 900.0

    var executable: URL
    var arguments: [String] = []
    var currentDirectory: URL?
    /// Added to the inherited environment, of which what a launcher of MPI set has been removed.
    var environment: [String: String] = [:]
    var timeLimit = hangLimit
    /// Name of the processes below the started one whose peak memory is measured (Linux only).
    var watchedName: String?
    /// Called with the process id every few milliseconds while it runs, to interrupt it.
    var whileRunning: ((Int32) -> Void)?

    func run() throws -> ProcessOutcome {
        let directory = try Scratch.makeDirectory("process")
        defer { try? FileManager.default.removeItem(at: directory) }
        let outputFile = directory.appending(path: "stdout")
        let errorFile = directory.appending(path: "stderr")
        for file in [outputFile, errorFile] { try Data().write(to: file) }

        let process = Process()
        process.executableURL = executable
        process.arguments = arguments
        process.currentDirectoryURL = currentDirectory
        process.environment = Self.inheritedEnvironment.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: outputFile)
        process.standardError = try FileHandle(forWritingTo: errorFile)

        let start = ContinuousClock.now
        try Self.withoutBlockedSignals { try process.run() }
        var peaks: [Int32: Int] = [:]
        var timedOut = false
        while process.isRunning {
            if ContinuousClock.now - start > .seconds(timeLimit) {
                timedOut = true
                stop(process)
            }
            if let watchedName {
                for watched in ProcessTable.descendants(of: process.processIdentifier) + [
                    process.processIdentifier
                ]
                where ProcessTable.name(of: watched) == watchedName {
                    peaks[watched] = max(
                        peaks[watched] ?? 0, ProcessTable.peakResidentBytes(of: watched) ?? 0)
                }
            }
            whileRunning?(process.processIdentifier)
            Thread.sleep(forTimeInterval: 0.01)
        }
        process.waitUntilExit()
        let elapsed = ContinuousClock.now - start
        return ProcessOutcome(
            status: process.terminationStatus + (process.terminationReason == .uncaughtSignal ? 128 : 0),
            output: try Data(contentsOf: outputFile),
            errorText: String(decoding: try Data(contentsOf: errorFile), as: UTF8.self),
            seconds: Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18,
            timedOut: timedOut,
            peakResidentBytes: peaks)
    }

    /// Tests run on threads that block signals, and a process inherits what its maker blocks: it, and the ranks below
    /// it, would not notice a SIGTERM.
    private static func withoutBlockedSignals(_ body: () throws -> Void) rethrows {
        var none = sigset_t()
        var before = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try body()
    }

    /// Asks the process to end, so that mpirun ends its ranks; after ten seconds kills it and all below it.
    private func stop(_ process: Process) {
        let identifier = process.processIdentifier
        let descendants = ProcessTable.descendants(of: identifier)
        kill(identifier, SIGTERM)
        let deadline = ContinuousClock.now + .seconds(10)
        while process.isRunning && ContinuousClock.now < deadline { Thread.sleep(forTimeInterval: 0.05) }
        if process.isRunning { kill(identifier, SIGKILL) }
        for descendant in descendants { kill(descendant, SIGKILL) }
    }

    /// The tests' own environment without what Open MPI, PMIx or the user's dp-train settings put there: a program
    /// started from a rank would otherwise take itself for that rank.
    private static let inheritedEnvironment: [String: String] = {
        var environment = ProcessInfo.processInfo.environment.filter { name, _ in
            !["OMPI_", "PMIX_", "PMI_", "PRTE_", "MV2_", "SLURM_", "DP_TRAIN_"].contains {
                name.hasPrefix($0)
            }
        }
        if getuid() == 0 {
            environment["OMPI_ALLOW_RUN_AS_ROOT"] = "1"
            environment["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1"
        }
        return environment
    }()
}
