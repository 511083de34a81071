internal import Checkpoints
internal import MLPEngine
internal import Tensors

/// The model that was best on the validation records so far. Every rank keeps one.
final class BestModel {
    /// A model's numbers. A checkpoint under way holds on to them instead of copying them.
    ///
    /// `@unchecked Sendable` rests on this: they change only while nobody but their ``BestModel`` holds them.
    final class Weights: @unchecked Sendable {
        let parameters: AlignedBuffer<Float>
        let runningStatistics: AlignedBuffer<Float>

        init(network: Sequential) throws(AllocationError) {
            parameters = try AlignedBuffer(allocating: network.parameterLayout.count, filledWith: 0)
            runningStatistics = try AlignedBuffer(
                allocating: network.statisticsLayout.count, filledWith: 0)
        }
    }

    private(set) var weights: Weights
    private(set) var result: CheckpointMetadata.BestValidation?

    private let network: Sequential
    /// Takes the next best, if no checkpoint holds on to it.
    private var spare: Weights

    init(network: Sequential) throws(AllocationError) {
        self.network = network
        weights = try Weights(network: network)
        spare = try Weights(network: network)
    }

    /// Takes over a model's numbers if its accuracy is above the best so far.
    ///
    /// - Throws: `AllocationError`.
    func consider(
        parameters: Vector<Float>, runningStatistics: Vector<Float>, validation: BatchLoss, epoch: Int,
        step: Int
    ) throws(AllocationError) {
        if let result, validation.accuracy <= result.accuracy { return }
        if !isKnownUniquelyReferenced(&spare) { spare = try Weights(network: network) }
        spare.parameters.vector.copy(from: parameters)
        spare.runningStatistics.vector.copy(from: runningStatistics)
        swap(&weights, &spare)
        result = .init(epoch: epoch, step: step, accuracy: validation.accuracy, loss: validation.meanLoss)
    }

    /// Takes over the result that belongs to the numbers that a checkpoint has brought.
    func restore(_ result: CheckpointMetadata.BestValidation) {
        self.result = result
    }
}
