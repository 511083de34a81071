internal import Checkpoints
internal import DurableFiles
internal import Foundation
package import Training

/// Runs a job of several ranks and, when it fails, starts it again from its newest checkpoint, on the hosts that are left.
///
/// It touches nothing of the run but its file of incidents: what is whole and what is damaged the run itself knows best.
package struct Supervisor {
    /// What is to be run.
    package struct Job: Sendable {
        /// The launcher's words, before the number of ranks.
        package var launcher: [String]
        /// The program.
        package var program: String
        /// The flags of train, without those of the run directory.
        package var flags: [String]
        /// The run directory.
        package var directory: RunDirectory
        /// The ranks that are wanted.
        package var ranks: Int
        /// With fewer the run does not go on.
        package var minimumRanks: Int
        /// Where they may run; nil for this host.
        package var hosts: Hosts?
        /// What runs a command on another host.
        package var agent: [String]
        /// How long a run with fewer ranks than wanted goes on before it looks for the others, in seconds; nil for ever.
        package var growAfter: Double?
        /// How long a process of the job may be stopped, in seconds; nil for ever.
        package var stallTimeout: Double?
        /// How long it may take until the run has its directory, in seconds; nil for ever.
        package var startTimeout: Double?

        package init(
            launcher: [String], program: String, flags: [String], directory: RunDirectory, ranks: Int,
            minimumRanks: Int = 1, hosts: Hosts? = nil, agent: [String] = [], growAfter: Double? = nil,
            stallTimeout: Double? = nil, startTimeout: Double? = nil
        ) {
            (self.launcher, self.program, self.flags) = (launcher, program, flags)
            (self.directory, self.ranks, self.minimumRanks) = (directory, ranks, minimumRanks)
            (self.hosts, self.agent, self.growAfter) = (hosts, agent, growAfter)
            (self.stallTimeout, self.startTimeout) = (stallTimeout, startTimeout)
        }
    }

    /// Where a job runs.
    private struct Place {
        let ranks: Int
        let hosts: [Hosts.Host]
    }

    /// How a job has ended.
    private struct Ending {
        let code: Int32
        let seconds: Double
        /// Whether the supervisor itself has asked it to stop, for more ranks.
        let wasToGrow: Bool
    }

    /// A launcher that lives on this long after the run has given back its directory hangs, in seconds.
    private static let patience = 30.0
    /// So much longer than the ranks wait for one that is stopped: where there are others they say who it is. In seconds.
    private static let precedence = 5.0

    private let job: Job
    private let stopRequested: () -> Bool
    private let note: (String) -> Void

    /// A supervisor.
    ///
    /// - Parameters:
    ///   - job: What is to be run.
    ///   - stopRequested: Asked often: whether somebody wants the run to stop after the step under way, with a checkpoint.
    ///   - note: Told what people should know, in one line.
    package init(_ job: Job, stopRequested: @escaping () -> Bool, note: @escaping (String) -> Void) {
        (self.job, self.stopRequested, self.note) = (job, stopRequested, note)
    }

    /// Runs the job until it ends or cannot go on. No other process may be started meanwhile by this one: whatever is left of a
    /// job is ended before the next one begins, whoever its parent was.
    ///
    /// - Parameter policy: When it is started again.
    /// - Returns: The exit code to end with.
    /// - Throws: An error that names the launcher where it cannot be started.
    package func run(_ policy: RestartPolicy) throws -> Int32 {
        var policy = policy
        while true {
            guard let place = place() else {
                note("stopped: fewer than \(job.minimumRanks) ranks have a place (--min-np)")
                return stoppedCode(otherwise: 1)
            }
            let ending = try launch(at: place)
            if ending.wasToGrow, ending.code == Self.stopped, !stopRequested() {
                record(ending, place, "restart with hosts that are back")
                continue
            }
            switch policy.decide(ending.code, newestStep: newestStep, isAsked: stopRequested()) {
            case .end(let code):
                if code == 0, policy.restarts > 0 {
                    note(
                        "ended well after \(policy.restarts == 1 ? "a restart" : "\(policy.restarts) restarts"): \(job.directory.incidentsFile)"
                    )
                }
                return code
            case .giveUp(let code, let reason):
                // A run that did not begin has left nothing behind.
                if FileManager.default.fileExists(atPath: job.directory.path) {
                    record(ending, place, reason)
                }
                note("ended with exit code \(code) and is not started again: \(reason)")
                return code
            case .restart(let pause):
                record(ending, place, "restart")
                note(
                    "ended with exit code \(ending.code) after \(Int(ending.seconds.rounded())) s; starts again in"
                        + " \(Int(pause)) s, from "
                        + (newestStep.map { "step \($0)" } ?? "the beginning"))
                wait(pause)
                if stopRequested() { return stoppedCode(otherwise: ending.code) }
            }
        }
    }

    /// The exit code of a run that was asked to stop and can go on.
    private static let stopped: Int32 = 75
    /// That of a run in which a rank stood still.
    private static let stalled: Int32 = 69

    private func stoppedCode(otherwise code: Int32) -> Int32 { newestStep == nil ? code : Self.stopped }

    private var newestStep: Int? {
        try? CheckpointStore(directory: job.directory.checkpoints).list().last?.step
    }

    /// When a run has last begun, or gone on, in this directory; nil if none has.
    private var configurationDate: Date? {
        let attributes = try? FileManager.default.attributesOfItem(atPath: job.directory.configuration)
        return attributes?[.modificationDate] as? Date
    }

    /// How many ranks have a place, and on which hosts; nil where they are too few.
    private func place() -> Place? {
        guard let hosts = job.hosts else { return Place(ranks: job.ranks, hosts: []) }
        let absences = hosts.absences(agent: job.agent, command: [job.program, "--version"])
        for host in hosts.all {
            switch absences[host.name] {
            case nil: break
            case .silent: note("host \(host.name) does not answer")
            case .failed(let code):
                note(
                    "host \(host.name) answers, but '\(job.program) --version' ends there with exit code \(code): done without"
                )
            }
        }
        let reachable = hosts.all.filter { absences[$0.name] == nil }
        let ranks = min(job.ranks, reachable.reduce(0) { $0 + $1.slots })
        return ranks < job.minimumRanks ? nil : Place(ranks: ranks, hosts: reachable)
    }

    /// The words of the job.
    package func words(ranks: Int, hosts: [Hosts.Host]) -> [String] {
        var words = job.launcher + ["-np", "\(ranks)"]
        if !hosts.isEmpty {
            words += ["--host", hosts.map { "\($0.name):\($0.slots)" }.joined(separator: ",")]
        }
        let isBegun = FileManager.default.fileExists(atPath: job.directory.configuration)
        return words + [job.program, "train"] + job.flags + [
            isBegun ? "--resume" : "--output", job.directory.path,
        ]
    }

    /// Runs the job once, and ends what it leaves behind.
    private func launch(at place: Place) throws -> Ending {
        let start = ContinuousClock.now
        let formerDate = configurationDate
        let process = try JobProcess(words(ranks: place.ranks, hosts: place.hosts))
        var isTold = false
        var isToGrow = false
        var nextLook = start
        var looksForHosts = job.growAfter.map { start + .seconds($0) }
        if place.ranks == job.ranks { looksForHosts = nil }
        var isAtWork = false
        var hasBegun = false
        // Since when the run, which has its directory from beginning to end, has it no more, and since when a process is stopped.
        var left: ContinuousClock.Instant?
        var stopped: ContinuousClock.Instant?
        var isStalled = false
        while true {
            if let code = process.exitCode() {
                let count = process.endRest()
                if count > 0 { note("ended \(count) processes that the launcher had left behind") }
                return Ending(
                    code: isStalled ? Self.stalled : code,
                    seconds: (ContinuousClock.now - start) / .seconds(1), wasToGrow: isToGrow)
            }
            usleep(50_000)
            if stopRequested(), !isTold {
                isTold = true
                // Launchers pass this one on, and wait for as long as it takes.
                process.send(SIGUSR1)
            }
            let now = ContinuousClock.now
            if let instant = looksForHosts, now > instant, !isTold {
                if let found = self.place(), found.ranks > place.ranks {
                    note("\(found.ranks) ranks have a place again, instead of \(place.ranks)")
                    (isTold, isToGrow) = (true, true)
                    process.send(SIGUSR1)
                }
                looksForHosts = job.growAfter.map { ContinuousClock.now + .seconds($0) }
            }
            guard now > nextLook else { continue }
            nextLook = now + .seconds(1)
            if let limit = job.stallTimeout, let victim = process.stoppedProcess() {
                stopped = stopped ?? now
                if let instant = stopped, now - instant > .seconds(limit + Self.precedence) {
                    note(
                        "process \(victim) of the job has been stopped for \(Int(limit + Self.precedence)) s: the job is killed"
                    )
                    isStalled = true
                    process.send(SIGKILL)
                }
            } else {
                stopped = nil
            }
            if FileLock.holder(of: job.directory.lockFile) != nil {
                (isAtWork, left) = (true, nil)
            } else if !isAtWork {
                // Where the file system knows no locks the run is seen by what it writes first.
                hasBegun = hasBegun || configurationDate != formerDate
                if let limit = job.startTimeout, now - start > .seconds(limit), !hasBegun, !isStalled {
                    note(
                        "the run has not begun within \(Int(limit)) s (--start-timeout): the launcher is killed"
                    )
                    isStalled = true
                    process.send(SIGKILL)
                }
            } else {
                left = left ?? now
                if let instant = left, now - instant > .seconds(Self.patience) {
                    note("the launcher does not end although the run has: killed")
                    process.send(SIGKILL)
                }
            }
        }
    }

    /// Waits, unless somebody asks the run to stop.
    private func wait(_ seconds: Double) {
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end, !stopRequested() { usleep(50_000) }
    }

    private func record(_ ending: Ending, _ place: Place, _ action: String) {
        do {
            try job.directory.append(
                Incident(
                    exitCode: ending.code, ranks: place.ranks, hosts: place.hosts.map(\.name),
                    seconds: (ending.seconds * 10).rounded() / 10, step: newestStep, action: action))
        } catch {
            note("\(job.directory.incidentsFile): \(error)")
        }
    }
}
