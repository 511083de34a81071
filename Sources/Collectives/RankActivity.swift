internal import CSystemCalls

/// What a rank does, for the ranks of its node to see: a few stores into memory that they share, and nothing where a
/// process runs on its own, or on any thread but the one that joined the world.
///
/// A rank *moves* as long as it says what it does next, computes, or reads and writes files. One that waits for others does
/// not move by itself; they make it.
public enum RankActivity: UInt32, Sendable, CaseIterable {
    /// Between the start and the first step: reads flags and data, makes what training needs.
    case starting
    /// Brings the rows of a batch together.
    case loading
    /// The forward pass.
    case forward
    /// The backward pass.
    case backward
    /// Sends what other ranks need, or takes in what they have sent.
    case exchanging
    /// The optimizer's step.
    case updating
    /// Evaluates a model.
    case evaluating
    /// Hands a checkpoint over, or waits for files to be written.
    case saving
    /// Leaves the run.
    case ending

    /// What people read.
    var text: String {
        switch self {
        case .starting: "starting"
        case .loading: "loading a batch"
        case .forward: "in the forward pass"
        case .backward: "in the backward pass"
        case .exchanging: "exchanging"
        case .updating: "updating"
        case .evaluating: "evaluating"
        case .saving: "writing files"
        case .ending: "ending"
        }
    }

    /// Says that the calling rank does this from now on.
    public static func enter(_ activity: RankActivity) {
        // A checkpoint is packed and written by a thread of its own.
        dp_activity_enter(activity.rawValue, activity == .saving ? 1 : 0)
    }

    /// Says how many steps the calling rank has taken.
    public static func hasTaken(steps: Int) { dp_activity_begin_step(UInt64(steps)) }

    /// Says that the calling rank waits for others while it runs `body`.
    package static func waiting<Result>(_ body: () throws -> Result) rethrows -> Result {
        dp_activity_wait_begins()
        defer { dp_activity_wait_ends() }
        return try body()
    }
}
