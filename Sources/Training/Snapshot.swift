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
    private let bestParameters: AlignedBuffer<Float>
    private let bestStatistics: AlignedBuffer<Float>
    /// The step of the best model, where that is not the model itself.
    private var bestStep: Int?

    init(network: Sequential, hasVelocity: Bool) {
        let (count, statistics) = (network.parameterLayout.count, network.statisticsLayout.count)
        parameters = AlignedBuffer(repeating: 0, count: count)
        runningStatistics = AlignedBuffer(repeating: 0, count: statistics)
        velocity = AlignedBuffer(repeating: 0, count: hasVelocity ? count : 0)
        bestParameters = AlignedBuffer(repeating: 0, count: count)
        bestStatistics = AlignedBuffer(repeating: 0, count: statistics)
    }

    /// Copies the state after `step` steps.
    func capture(_ replica: Replica<Float>, best: BestModel, step: Int) {
        parameters.vector.copy(from: replica.parameters)
        runningStatistics.vector.copy(from: replica.runningStatistics)
        if let source = replica.velocity { velocity.vector.copy(from: source) }
        bestStep = best.result.flatMap { $0.step == step ? nil : $0.step }
        if bestStep != nil {
            bestParameters.vector.copy(from: best.parameters.vector)
            bestStatistics.vector.copy(from: best.runningStatistics.vector)
        }
    }

    /// The copy as tensors.
    func tensors(_ model: ModelTensors, metadata: CheckpointMetadata) throws -> [NamedTensor] {
        var tensors = try model.tensors(
            parameters: parameters.vector, runningStatistics: runningStatistics.vector,
            batches: metadata.position.step)
        if velocity.count > 0 { tensors += try model.tensors(velocity: velocity.vector) }
        if let bestStep {
            tensors += try model.tensors(
                parameters: bestParameters.vector, runningStatistics: bestStatistics.vector,
                batches: bestStep, prefix: ModelTensors.bestPrefix)
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

    func giveBack(_ snapshot: Snapshot) { free.withLock { $0.append(snapshot) } }
}
