public import Collectives
public import Foundation

/// The training loss is no number any more, on all ranks alike.
public struct Divergence: AgreedFailure, CustomStringConvertible, LocalizedError {
    /// The epoch, from 1.
    public let epoch: Int
    /// The step, from 1 over the whole run.
    public let step: Int
    /// The loss found.
    public let loss: Double
    /// True on rank 0.
    public let shouldReport: Bool

    /// One line.
    public var description: String {
        "training diverged: expected a finite loss, found \(loss) at step \(step) in epoch \(epoch); try a smaller --lr"
    }
    /// The same as ``description``.
    public var errorDescription: String? { description }
}
