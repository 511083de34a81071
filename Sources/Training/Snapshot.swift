internal import Checkpoints
internal import DataParallel
internal import MLPEngine
internal import Synchronization
internal import Tensors

/// A copy of what a checkpoint holds, in memory that is used again and again: to touch fresh pages would take longer than
/// to copy.
///
/// `@unchecked Sendable` rests on this: the training thread has it from `SnapshotPool.take` until it hands it to the
/// queue that gives it back.
final class Snapshot: @unchecked Sendable {
    private let parameters: AlignedBuffer<Float>
    private let runningStatistics: AlignedBuffer<Float>
    private let velocity: AlignedBuffer<Float>
    /// The best model and its step, where that is not the model itself.
    private var best: (weights: BestModel.Weights, step: Int)?

    init(network: Sequential, hasVelocity: Bool) {
        let (count, statistics) = (network.parameterLayout.count, network.statisticsLayout.count)
        parameters = AlignedBuffer(repeating: 0, count: count)
        runningStatistics = AlignedBuffer(repeating: 0, count: statistics)
        velocity = AlignedBuffer(repeating: 0, count: hasVelocity ? count : 0)
    }

    /// Copies the state after `step` steps.
    func capture(_ model: ModelState<Float>, best: BestModel, step: Int) {
        parameters.vector.copy(from: model.parameters)
        runningStatistics.vector.copy(from: model.runningStatistics)
        if let source = model.velocity { velocity.vector.copy(from: source) }
        self.best = best.result.flatMap { $0.step == step ? nil : (best.weights, $0.step) }
    }

    /// Lets go of what is held but not copied.
    func release() { best = nil }

    /// The copy as tensors.
    func tensors(_ model: ModelTensors, metadata: CheckpointMetadata) throws -> [NamedTensor] {
        var tensors = try model.tensors(
            parameters: parameters.vector, runningStatistics: runningStatistics.vector,
            batches: metadata.position.step)
        if velocity.count > 0 { tensors += try model.tensors(velocity: velocity.vector) }
        if let best {
            tensors += try model.tensors(
                parameters: best.weights.parameters.vector,
                runningStatistics: best.weights.runningStatistics.vector,
                batches: best.step, prefix: ModelTensors.bestPrefix)
        }
        return tensors
    }
}

/// The snapshots that nobody uses at the moment.
final class SnapshotPool: Sendable {
    /// How many there are: one being written while the next is taken.
    static let count = 2

    private let free: Mutex<[Snapshot]>

    init(network: Sequential, hasVelocity: Bool) {
        free = Mutex((0..<Self.count).map { _ in Snapshot(network: network, hasVelocity: hasVelocity) })
    }

    /// Returns one; there must be one.
    func take() -> Snapshot { free.withLock { $0.removeLast() } }

    func giveBack(_ snapshot: Snapshot) {
        snapshot.release()
        free.withLock { $0.append(snapshot) }
    }
}
