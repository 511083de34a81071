public import Collectives
internal import DataParallel
public import Foundation

// How a run ends: finished, stopped, without all of its files, or with numbers that are none.

/// How a run ended that did not fail and left behind what it should.
public enum RunOutcome: Sendable, Equatable {
    /// It came to its end.
    case finished(RunSummary)
    /// It was asked to stop, and wrote a checkpoint to go on from.
    case stopped(epoch: Int, step: Int, directory: String)
}

/// What a finished run came to; `summary.json`.
public struct RunSummary: Codable, Sendable, Equatable {
    /// The share of test records classified correctly, in 0...1; nil of a run that was not tested.
    public var testAccuracy: Double?
    /// The mean loss of a test record, in nats; nil of a run that was not tested.
    public var testLoss: Double?
    /// The views of the test images over which probabilities were averaged, besides; nil for none.
    public var testViews: TestViews?
    /// The share of test records classified correctly by the mean over the views.
    public var testViewsAccuracy: Double?
    /// The mean loss of a test record by the mean over the views, in nats.
    public var testViewsLoss: Double?
    /// Where a mean of the weights was tested: the share of test records classified correctly by the model itself after the
    /// last step.
    public var ownTestAccuracy: Double?
    /// The mean loss of a test record by that model, in nats.
    public var ownTestLoss: Double?
    /// The epoch, from 1, of the model that is tested: the best on validation, or the last.
    public var bestEpoch: Int
    /// That model's accuracy on the validation records; nil without validation.
    public var bestValidationAccuracy: Double?
    /// The number of learned scalars.
    public var parameterCount: Int
    /// SHA-256 over the model's tensors (parameters and running statistics) after the last step.
    public var tensorsSHA256: String
    /// The same over the mean of the weights and its running statistics; nil without one.
    public var averagedSHA256: String?
    /// The number of ranks at the end.
    public var worldSize: Int
    /// The number of logical shards.
    public var logicalShards: Int
    /// Epochs trained.
    public var epochs: Int
    /// Seconds spent training, without evaluation and checkpoints, since the last start.
    public var trainSeconds: Double
    /// Training records per second of that time.
    public var imagesPerSecond: Double
    /// The longest time in seconds for which training stood still to hand a checkpoint over.
    public var checkpointPauseSeconds: Double
    /// How often a supervisor has found the job failed; nil of a run that none has.
    public var incidents: Int?
    /// The bytes of memory that each rank has had at the most, shared ones included; nil where the system does not tell.
    public var peakMemoryBytes: [Int]?

    /// Takes over what only the process that trained could measure.
    mutating func keepMeasurements(of other: RunSummary) {
        worldSize = other.worldSize
        trainSeconds = other.trainSeconds
        imagesPerSecond = other.imagesPerSecond
        checkpointPauseSeconds = other.checkpointPauseSeconds
        peakMemoryBytes = other.peakMemoryBytes
    }

    enum CodingKeys: String, CodingKey {
        case testAccuracy = "test_accuracy"
        case testLoss = "test_loss"
        case testViews = "test_views"
        case testViewsAccuracy = "test_views_accuracy"
        case testViewsLoss = "test_views_loss"
        case ownTestAccuracy = "own_test_accuracy"
        case ownTestLoss = "own_test_loss"
        case bestEpoch = "best_epoch"
        case bestValidationAccuracy = "best_validation_accuracy"
        case parameterCount = "parameter_count"
        case tensorsSHA256 = "tensors_sha256"
        case averagedSHA256 = "averaged_sha256"
        case worldSize = "world_size"
        case logicalShards = "logical_shards"
        case epochs
        case trainSeconds = "train_seconds"
        case imagesPerSecond = "images_per_second"
        case checkpointPauseSeconds = "checkpoint_pause_seconds"
        case incidents
        case peakMemoryBytes = "peak_memory_bytes"
    }
}

/// A run ended as it should, but what it was to leave behind could not be written, on all ranks alike.
public struct UnsavedRun: AgreedFailure, CustomStringConvertible, LocalizedError {
    /// One line: how the run ended, what could not be written and why, and what it can go on from.
    public let description: String
    /// True on rank 0.
    public let shouldReport: Bool
    /// The same as ``description``.
    public var errorDescription: String? { description }
}

extension Trainer {
    /// Waits for rank 0 to have its files, and throws on all ranks where it could not write them. Collective: every rank must
    /// call it.
    ///
    /// - Parameter problem: On rank 0, what could not be written; nil if all could.
    /// - Throws: ``UnsavedRun``, or the communicator's error.
    func agreeOnFiles(problem: String?) throws {
        // Asleep: a launcher ends all ranks when the first one ends, so the others wait here, with rank 0 still writing.
        try communicator.idleBarrier()
        let text = try communicator.broadcast(text: problem ?? "", root: 0)
        guard text.isEmpty else { throw UnsavedRun(description: text, shouldReport: isRoot) }
    }
}

extension RunRecorder {
    /// What to say of a run that stopped after `step` if there is no checkpoint of it; nil if there is one. After `close`.
    func problem(ofStopAfter step: Int, epoch: Int) -> String? {
        checkpointFailure(ofStep: step).map {
            "stopped as asked after step \(step) in epoch \(epoch), but without a checkpoint of it: \($0); \(remedy(before: step))"
        }
    }

    /// What to say of a run that came to its end after `step` if its files are not complete; nil if they are. After `close`.
    ///
    /// - Parameter others: Why other files could not be written.
    func problem(ofEndAfter step: Int, others: [String]) -> String? {
        if let failure = checkpointFailure(ofStep: step) {
            return
                "the run came to its end, but its last checkpoint could not be written: \(failure); \(remedy(before: step))"
        }
        guard let first = (unwrittenRecords + others).first else { return nil }
        return
            "the run came to its end and its last checkpoint is written, but not all its files are: \(first)"
    }

    /// What a run can go on from that has no checkpoint of `step`.
    private func remedy(before step: Int) -> String {
        guard let newest = newestCheckpoint(before: step) else {
            return "there is no other in \(directory.checkpoints): --resume \(directory.path) begins again"
        }
        return "the newest is \(newest): --resume \(directory.path) goes on from there"
    }
}

extension Divergence {
    /// Where numbers first stopped being finite: of the layers in the order in which a step comes to them, of the batch's rows
    /// in the order of the ranks.
    public struct Place: Sendable, Equatable, CustomStringConvertible {
        /// The layer, such as `layers.2`.
        public let layer: String
        /// The rank whose row it was; nil where the row is not known.
        public let rank: Int?
        /// The row of the global batch.
        public let row: Int?
        /// The training record in that row.
        public let record: Int?
        /// One sentence's part.
        public let description: String

        init(_ origin: NonFiniteOrigin, record: Int?, placement: NodePlacement) {
            (layer, row, self.record) = (origin.layer, origin.row, record)
            rank = origin.rank.map { placement.rankAtPosition[$0] }
            let what =
                switch origin.pass {
                case .forward: "the output of \(origin.layer) (forward pass)"
                case .loss: "the loss of \(origin.layer)'s output"
                case .backward: "the gradient of \(origin.layer)'s output (backward pass)"
                }
            if let parameter = origin.parameter {
                description = "\(what), as \(parameter) was not finite before the step"
            } else if let rank, let row = origin.row {
                description =
                    "\(what), on \(placement.names(ofRanks: [rank])), row \(row) of the batch"
                    + "\(record.map { ", training record \($0)" } ?? "")"
            } else {
                description = "\(what), summed over the batch"
            }
        }
    }
}

/// Training has led to numbers that are none, infinities or NaN, on all ranks alike.
public struct Divergence: AgreedFailure, CustomStringConvertible, LocalizedError {
    /// What is no number any more.
    public enum Quantity: Sendable, Equatable {
        /// The loss of a step's batch, before the step.
        case loss(Double)
        /// A gradient of a step whose loss is finite.
        case gradient
        /// Any of the parameters, running statistics or the optimizer's state: the first such tensor.
        case parameters(tensor: String)
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
    /// Where in the step it was found first, if it was in a step.
    public let place: Place?
    /// True on rank 0.
    public let shouldReport: Bool

    /// One line.
    public var description: String {
        func text(_ value: Double) -> String { value.isNaN ? "NaN" : "\(value)" }
        let (expected, found) =
            switch quantity {
            case .loss(let loss): ("a finite loss", text(loss))
            case .gradient: ("finite gradients", "infinity or NaN")
            case .parameters(let tensor): ("finite parameters", "infinity or NaN in \(tensor)")
            case .validationLoss(let loss): ("a finite loss on the validation records", text(loss))
            case .testLoss(let loss): ("a finite loss on the test records", text(loss))
            }
        return
            "training diverged: expected \(expected), found \(found) at step \(step) in epoch \(epoch)"
            + "\(place.map { ", first in \($0)" } ?? ""); try a smaller --lr"
    }
    /// The same as ``description``.
    public var errorDescription: String? { description }
}
