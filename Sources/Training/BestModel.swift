internal import Checkpoints
internal import DataParallel
internal import MLPEngine
internal import Tensors

/// The model that was best on the validation records so far. Every rank keeps one.
final class BestModel {
    let parameters: AlignedBuffer<Float>
    let runningStatistics: AlignedBuffer<Float>
    private(set) var result: CheckpointMetadata.BestValidation?

    init(network: Sequential) {
        parameters = AlignedBuffer(repeating: 0, count: network.parameterLayout.count)
        runningStatistics = AlignedBuffer(repeating: 0, count: network.statisticsLayout.count)
    }

    /// Takes over the replica's numbers if its accuracy is above the best so far.
    func consider(_ replica: Replica<Float>, validation: BatchLoss, epoch: Int, step: Int) {
        if let result, validation.accuracy <= result.accuracy { return }
        parameters.vector.copy(from: replica.parameters)
        runningStatistics.vector.copy(from: replica.runningStatistics)
        result = .init(epoch: epoch, step: step, accuracy: validation.accuracy, loss: validation.meanLoss)
    }

    /// Takes over the result that belongs to the numbers that a checkpoint has brought.
    func restore(_ result: CheckpointMetadata.BestValidation) {
        self.result = result
    }
}
