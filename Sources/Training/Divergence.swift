public import Collectives
public import Foundation

/// Training has led to numbers that are none, infinities or NaN, on all ranks alike.
public struct Divergence: AgreedFailure, CustomStringConvertible, LocalizedError {
    /// What is no number any more.
    public enum Quantity: Sendable, Equatable {
        /// The loss of a step's batch, before the step.
        case loss(Double)
        /// Any of the parameters, running statistics or velocities.
        case parameters
        /// The loss on the validation records.
        case validationLoss(Double)
        /// The loss on the test records.
        case testLoss(Double)
    }

    /// The epoch, from 1.
    public let epoch: Int
    /// The step, from 1 over the whole run.
    public let step: Int
    /// What was found.
    public let quantity: Quantity
    /// True on rank 0.
    public let shouldReport: Bool

    /// One line.
    public var description: String {
        func text(_ value: Double) -> String { value.isNaN ? "NaN" : "\(value)" }
        let (expected, found) =
            switch quantity {
            case .loss(let loss): ("a finite loss", text(loss))
            case .parameters: ("finite parameters", "infinity or NaN")
            case .validationLoss(let loss): ("a finite loss on the validation records", text(loss))
            case .testLoss(let loss): ("a finite loss on the test records", text(loss))
            }
        return
            "training diverged: expected \(expected), found \(found) at step \(step) in epoch \(epoch); try a smaller --lr"
    }
    /// The same as ``description``.
    public var errorDescription: String? { description }
}
