internal import Checkpoints
internal import DataParallel
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

        fileprivate init(network: Sequential) {
            parameters = AlignedBuffer(repeating: 0, count: network.parameterLayout.count)
            runningStatistics = AlignedBuffer(repeating: 0, count: network.statisticsLayout.count)
        }
    }

    private(set) var weights: Weights
    private(set) var result: CheckpointMetadata.BestValidation?

    private let network: Sequential
    /// Takes the next best, if no checkpoint holds on to it.
    private var spare: Weights

    init(network: Sequential) {
        self.network = network
        weights = Weights(network: network)
        spare = Weights(network: network)
    }

    /// Takes over the model's numbers if its accuracy is above the best so far.
    func consider(_ model: ModelState<Float>, validation: BatchLoss, epoch: Int, step: Int) {
        if let result, validation.accuracy <= result.accuracy { return }
        if !isKnownUniquelyReferenced(&spare) { spare = Weights(network: network) }
        spare.parameters.vector.copy(from: model.parameters)
        spare.runningStatistics.vector.copy(from: model.runningStatistics)
        swap(&weights, &spare)
        result = .init(epoch: epoch, step: step, accuracy: validation.accuracy, loss: validation.meanLoss)
    }

    /// Takes over the result that belongs to the numbers that a checkpoint has brought.
    func restore(_ result: CheckpointMetadata.BestValidation) {
        self.result = result
    }
}
