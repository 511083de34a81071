package import ArgumentParser
package import Collectives
internal import Foundation
internal import MPIBackend
internal import Synchronization
internal import Threads
internal import Training

/// Runs a command's work on all ranks, and ends all of them when one fails.
package enum RankedRun {
    /// Joins the world, runs `body` and leaves the world.
    ///
    /// An error on which all ranks agree is printed once, and every rank ends by itself; any other may have struck this
    /// rank alone, so it ends the others.
    ///
    /// - Parameters:
    ///   - stallLimit: For how many seconds a rank may stand still; nil for ever. While they start, twice as long.
    ///   - alone: What is told of processes that a launcher has started together and that do not see one another, in the place
    ///     of an error; they end with ``Findings/exitCode``.
    ///   - body: The work.
    package static func run(
        stallLimit: Double? = RunOptions.defaults.stallTimeout.seconds,
        alone: ((_ reason: String) throws -> Void)? = nil, _ body: (any Communicator) throws -> Void
    ) throws {
        let world: World
        let start = StartWatch(limit: stallLimit.map { max(2 * $0, 10) })
        defer { start.end() }
        do {
            world = try World.start()
        } catch let mismatch as LauncherMismatch where alone != nil {
            if mismatch.shouldReport { try alone?(mismatch.description) } else { Messages.waitForSpeaker() }
            throw Findings.exitCode
        } catch {
            if error.shouldReport {
                Messages.printError(message(of: error))
            } else {
                Messages.waitForSpeaker()
            }
            throw ExitCode.failure
        }
        start.end()
        let communicator = world.communicator
        warnOfGaps(communicator)
        communicator.presence?.limitStalls(to: RunOptions.defaults.stallTimeout.seconds)
        communicator.presence?.watch { error in
            if (error as? RunStalled)?.hasSilentHosts == true { Launcher.endIfLeft() }
            tell(error, communicator)
            let code = error is RunStalled ? RunStalled.exitCode : ExitCode.failure.rawValue
            // The main thread waits in a call of MPI, or does not run.
            guard communicator.allowsConcurrentCalls else { _exit(code) }
            communicator.abort(code: code)
        }
        do {
            try body(communicator)
            try world.finish()
        } catch {
            if let loss = error as? NodeRankLost {
                tell(loss, communicator)
            } else if error.shouldReport {
                Messages.printError(message(of: error))
            }
            let code = exitCode(for: error)
            // The launcher ends a job at the first process that fails: the message has been printed by then.
            guard error is any AgreedFailure || communicator.size == 1 else {
                _ = communicator.presence?.claimReport()
                communicator.abort(code: code.rawValue)
            }
            // Those that only repeat what another rank said do not know why: the launcher's own exit code is the first one's.
            let agreed = try? communicator.allreduce(Int64(code.rawValue), .maximum)
            try? world.finish()
            throw agreed.map { ExitCode(Int32($0)) } ?? code
        }
    }

    /// Says once where hosts cannot hear one another beside MPI: a firewall, say.
    private static func warnOfGaps(_ communicator: any Communicator) {
        guard communicator.rank == 0, let gaps = (communicator as? MPICommunicator)?.gapsBetweenNodes,
            !gaps.isEmpty
        else { return }
        Messages.printWarning(
            "expected datagrams (UDP) between all hosts, found that \(gaps.joined(separator: "; ")): a rank of another host"
                + " that stands still cannot be named, nor told from one that is slow")
    }

    /// Says on one of the ranks that are left that one has been lost, or stands still. What follows ends all of them: the launcher needs
    /// the time to pass the message on, and nobody may be earlier than the one that speaks.
    private static func tell(_ loss: any Error, _ communicator: any Communicator) {
        guard communicator.presence?.claimReport() ?? true else { return Messages.waitForSpeaker() }
        Messages.printError(message(of: loss))
        sleep(1)
    }

    private static func exitCode(for error: any Error) -> ExitCode {
        let cause = (error as? RankFailure)?.underlying ?? error
        if cause is Stopped { return Stopped.exitCode }
        if cause is UnsavedRun { return Stopped.unsavedExitCode }
        if cause is Findings { return Findings.exitCode }
        return cause is ValidationError || cause is ConfigurationError ? .validationFailure : .failure
    }

    private static func message(of error: any Error) -> String {
        if let error = error as? ValidationError { return error.message }
        return (error as? any LocalizedError)?.errorDescription ?? String(describing: error)
    }
}

/// Ends this process where the start of MPI does not come to its end: ranks wait in it for one that was stopped before, or for a
/// host that cannot be reached, and nothing else knows of them yet.
private final class StartWatch: Sendable {
    private let hasEnded = Atomic(false)

    /// - Parameter limit: The seconds that the start may take; nil for ever. While this process is stopped they do not pass.
    init(limit: Double?) {
        guard let limit,
            let launcher = Launcher.detect(environment: ProcessInfo.processInfo.environment)
        else { return }
        let rank = launcher.rank ?? 0
        // One that cannot be started is missed by nobody.
        try? SystemThread.start("start watch", stackByteCount: 256 << 10) { [self] in
            // Those that come later need not speak: the launcher ends all when the first has failed.
            let looks = Int(limit * 2) + 4 * min(rank, 5)
            for _ in 0..<looks where !hasEnded.load(ordering: .relaxed) { usleep(500_000) }
            guard !hasEnded.load(ordering: .relaxed) else { return }
            Messages.printError(
                "expected all ranks to start within \(Int(limit)) s, found that rank \(rank) on"
                    + " \(NodePlacement.alone.hostNames[0]) still waits for others: a rank is stopped, or a host or a network"
                    + " between hosts cannot be reached; --stall-timeout allows half of that")
            sleep(1)
            _exit(RunStalled.exitCode)
        }
    }

    func end() { hasEnded.store(true, ordering: .relaxed) }
}

/// A run that was asked to stop has done so, on all ranks, and can go on from its checkpoint.
package struct Stopped: AgreedFailure, CustomStringConvertible, LocalizedError {
    /// sysexits.h's EX_TEMPFAIL: batch systems can take it as a reason to queue the job again.
    package static let exitCode = ExitCode(75)

    /// sysexits.h's EX_IOERR: the run stopped or came to its end, but could not write what it should leave behind.
    package static let unsavedExitCode = ExitCode(74)

    /// One line: where it stopped, and how to go on.
    package let description: String
    package let shouldReport: Bool

    /// What is told in a line of its own.
    package init(_ description: String, shouldReport: Bool) {
        self.description = description
        self.shouldReport = shouldReport
    }

    package init(epoch: Int, step: Int, directory: String, shouldReport: Bool) {
        self.init(
            "stopped as asked after step \(step) in epoch \(epoch); go on with --resume \(directory)",
            shouldReport: shouldReport)
    }

    package var errorDescription: String? { description }
}

/// Something was found that is not as it should be, on all ranks alike.
package struct Findings: AgreedFailure, CustomStringConvertible, LocalizedError {
    /// sysexits.h's EX_CONFIG.
    package static let exitCode = ExitCode(78)

    /// One line: what the findings are about.
    package let description: String
    package let shouldReport: Bool

    /// Findings about some subjects.
    package init(_ subjects: [String], shouldReport: Bool) {
        description =
            "doctor: expected no findings, found \(subjects.count): \(subjects.joined(separator: ", "))"
        self.shouldReport = shouldReport
    }

    package var errorDescription: String? { description }
}
