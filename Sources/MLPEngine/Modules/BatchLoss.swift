/// What a pass over some samples says of them.
public struct BatchLoss: Sendable, Hashable {
    /// The sum of the samples' losses, in nats.
    public var lossSum: Double
    /// The number of samples whose most probable class is the target's.
    public var correct: Int
    /// The number of samples.
    public var samples: Int

    /// The record of no samples.
    public static var zero: BatchLoss { BatchLoss(lossSum: 0, correct: 0, samples: 0) }

    /// A record of `samples` samples.
    public init(lossSum: Double, correct: Int, samples: Int) {
        self.lossSum = lossSum
        self.correct = correct
        self.samples = samples
    }

    /// The mean loss of a sample, in nats.
    public var meanLoss: Double { lossSum / Double(samples) }

    /// The share of samples that are classified correctly, in 0...1.
    public var accuracy: Double { Double(correct) / Double(samples) }

    /// Adds the samples of `other`.
    public static func += (sum: inout BatchLoss, other: BatchLoss) {
        sum.lossSum += other.lossSum
        sum.correct += other.correct
        sum.samples += other.samples
    }
}
