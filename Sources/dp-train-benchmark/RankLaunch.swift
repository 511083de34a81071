import Benchmarks
import CommandLineSupport
import Dispatch
import Foundation
import Synchronization
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

    /// On what this program runs.
    struct Ranks {
        let count: Int
        /// On how many hosts, the first ones that the launcher knows, each with as many; nil where that is the launcher's choice.
        var hosts: Int?

        var description: String {
            let ranks = count == 1 ? "1 rank" : "\(count) ranks"
            return hosts.map { "\(ranks) on \($0 == 1 ? "1 host" : "\($0) hosts")" } ?? ranks
        }

        /// The options of Open MPI's mpirun.
        var options: [String] {
            let onHost = hosts.map { count / $0 }
            let isCrowded = onHost ?? count > ProcessInfo.processInfo.activeProcessorCount
            return ["-np", "\(count)"] + (onHost.map { ["--map-by", "ppr:\($0):node"] } ?? [])
                + (isCrowded ? ["--oversubscribe"] : [])
        }
    }

    /// Runs this program to its end.
    ///
    /// - Throws: ``LaunchError`` where the ranks fail, take too long, print no report, or are not on as many hosts as they should be.
    ///   None of them is left then.
    func run(_ arguments: [String], on ranks: Ranks) throws -> BenchmarkReport {
        let process = Process()
        process.executableURL = mpirun
        process.arguments = ranks.options + launcherOptions + [program.path] + arguments
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
            throw LaunchError("\(ranks.description): expected an end within \(timeLimit) s (--time-limit)")
        }
        guard !watch.isInterrupted else { throw LaunchError("\(ranks.description): interrupted") }
        guard process.terminationReason == .exit, process.terminationStatus == 0 else {
            throw LaunchError(
                "\(ranks.description): expected exit code 0 of mpirun, found \(process.terminationStatus)")
        }
        let report: BenchmarkReport
        do {
            report = try JSONDecoder().decode(BenchmarkReport.self, from: data)
        } catch {
            throw LaunchError(
                "\(ranks.description): expected a report in JSON, found \(data.count) bytes of others")
        }
        let found = Ranks(count: report.machine.ranks, hosts: ranks.hosts.map { _ in report.machine.nodes })
        guard found.count == ranks.count, found.hosts == ranks.hosts else {
            throw LaunchError(
                "expected \(ranks.description), found \(found.description); mpirun is told of hosts by "
                    + "--launcher-options '--hostfile FILE', or by what it has in its own configuration")
        }
        return report
    }
}

/// Why ranks could not be started or did not come to their end.
struct LaunchError: LocalizedError {
    let errorDescription: String?

    init(_ message: String) { errorDescription = message }
}

/// Ends a process that takes too long, or when this one is told to end.
///
/// The process leads a group of its own, which a terminal's Ctrl-C does not reach.
final class ProcessWatch: @unchecked Sendable {
    private enum State { case running, tooLate, interrupted }

    private let process: Process
    private let state = Mutex(State.running)
    // Sources are not declared Sendable; only the thread that made this object touches the array.
    private var sources: [any DispatchSourceProtocol] = []

    /// Begins to watch a process that has been started.
    init(_ process: Process, timeLimit: Double) {
        self.process = process
        let queue = DispatchQueue(label: "dp-train.process-watch")
        let timer = DispatchSource.makeTimerSource(queue: queue)
        timer.schedule(deadline: .now() + timeLimit)
        timer.setEventHandler { [weak self] in self?.stop(.tooLate) }
        let signals = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { [weak self] in self?.stop(.interrupted) }
            return source as any DispatchSourceProtocol
        }
        sources = [timer as any DispatchSourceProtocol] + signals
        for source in sources { source.resume() }
    }

    /// Whether the process took too long.
    var isTooLate: Bool { state.withLock { $0 == .tooLate } }

    /// Whether this process was told to end.
    var isInterrupted: Bool { state.withLock { $0 == .interrupted } }

    /// Ends the process: asks it first, so that mpirun ends its ranks, and insists after ten seconds.
    func stop() { stop(.interrupted) }

    /// Watches no more.
    func end() {
        for source in sources { source.cancel() }
        sources = []
        for number in [SIGINT, SIGTERM] { signal(number, SIG_DFL) }
    }

    private func stop(_ reason: State) {
        let isFirst = state.withLock { state in
            defer { if state == .running { state = reason } }
            return state == .running
        }
        guard isFirst, process.isRunning else { return }
        let identifier = process.processIdentifier
        kill(identifier, SIGTERM)
        DispatchQueue.global().asyncAfter(deadline: .now() + 10) { [process] in
            if process.isRunning { kill(identifier, SIGKILL) }
        }
    }
}
