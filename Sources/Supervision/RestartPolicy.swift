/// When a run that has ended is started again.
package struct RestartPolicy {
    /// How a job has ended: its launcher's exit code, or 128 and the signal that ended the launcher.
    package typealias ExitCode = Int32

    /// What is to be done.
    package enum Decision: Equatable {
        /// The run is over, with this exit code.
        case end(ExitCode)
        /// No further try would come further: the run is over, with this exit code, for a reason.
        case giveUp(ExitCode, reason: String)
        /// The run goes on from its newest checkpoint, after a pause in seconds.
        case restart(pause: Double)
    }

    /// So many restarts are taken at most.
    package let maxRestarts: Int
    /// How often a run has been started again.
    package private(set) var restarts = 0

    /// So many tries that came no further than the one before are enough.
    private static let mostWithoutProgress = 4
    private static let longestPause = 60.0
    private var newestStep = -1
    private var withoutProgress = 0

    /// A policy for one run.
    package init(maxRestarts: Int) { self.maxRestarts = maxRestarts }

    /// Says what follows the end of a job.
    ///
    /// - Parameters:
    ///   - code: Its exit code.
    ///   - newestStep: The step of the newest checkpoint; nil without any.
    ///   - isAsked: Whether somebody has asked the run to stop.
    package mutating func decide(_ code: ExitCode, newestStep step: Int?, isAsked: Bool) -> Decision {
        if code == 0 { return .end(0) }
        // Whoever was asked to stop has done so, in whatever way; 75 says that one can go on.
        if isAsked { return .end(step == nil ? code : 75) }
        switch code {
        // A batch system has asked the ranks themselves.
        case 75: return .end(75)
        case 64: return .giveUp(64, reason: "a setting that cannot be used does not become better by itself")
        case 74:
            return .giveUp(
                74, reason: "the run came to its end, but could not write what it should leave behind")
        default: break
        }
        if let step, step > newestStep {
            (newestStep, withoutProgress) = (step, 0)
        } else {
            withoutProgress += 1
        }
        guard restarts < maxRestarts else {
            return .giveUp(code, reason: "it has been started again \(restarts) times (--max-restarts)")
        }
        guard withoutProgress < Self.mostWithoutProgress else {
            let place =
                newestStep < 0 ? "before the first checkpoint" : "after the checkpoint of step \(newestStep)"
            return .giveUp(code, reason: "\(withoutProgress) tries in a row ended \(place)")
        }
        restarts += 1
        var pause = 1.0
        for _ in 0..<withoutProgress { pause = min(2 * pause, Self.longestPause) }
        return .restart(pause: pause)
    }
}
