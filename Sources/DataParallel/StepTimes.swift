internal import Collectives

/// What a rank does in a training step.
public enum StepPhase: Int, Sendable, CaseIterable {
    /// Bringing the rows of the batch together.
    case batch
    /// The forward pass, and the loss.
    case forward
    /// The backward pass, without what comes under update.
    case backward
    /// Waiting for other ranks.
    case waiting
    /// Copying or sending what other ranks need, or taking in what they sent.
    case moving
    /// The optimizer's step; with factor-exchange the weight gradients, too, which are used up at once.
    case update

    /// What the other ranks are told.
    fileprivate var activity: RankActivity {
        switch self {
        case .batch: .loading
        case .forward: .forward
        case .backward: .backward
        case .waiting, .moving: .exchanging
        case .update: .updating
        }
    }
}

/// How long one rank was in each phase of its steps.
public final class StepTimes {
    private var nanoseconds = [Int64](repeating: 0, count: StepPhase.allCases.count)
    private var phase: StepPhase?
    private var since = ContinuousClock.now

    /// Nothing yet.
    public init() {}

    /// Begins a phase; nil is outside of a step.
    ///
    /// - Returns: The phase that has ended.
    @discardableResult
    public func enter(_ next: StepPhase?) -> StepPhase? {
        if let next { RankActivity.enter(next.activity) }
        let now = ContinuousClock.now
        let passed = (now - since).components
        if let phase {
            nanoseconds[phase.rawValue] += passed.seconds * 1_000_000_000 + passed.attoseconds / 1_000_000_000
        }
        defer {
            phase = next
            since = now
        }
        return phase
    }

    /// Runs a body in a phase of its own, inside of another one.
    public func during<Value>(_ inner: StepPhase, _ body: () throws -> Value) rethrows -> Value {
        let outer = enter(inner)
        defer { enter(outer) }
        return try body()
    }

    /// The seconds in each phase so far, in the order of the cases.
    public var seconds: [Double] { nanoseconds.map { Double($0) / 1e9 } }
}
