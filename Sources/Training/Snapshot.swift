internal import Checkpoints
internal import DataParallel
internal import Dispatch
internal import MLPEngine
internal import Synchronization
internal import Tensors

/// A copy of what a checkpoint holds, in memory that is used again and again: to touch fresh pages would take longer than
/// to copy.
///
/// `@unchecked Sendable` rests on this: the training thread has it from `SnapshotPool.take` until it hands it on, and nobody
/// changes it from then until it is given back.
final class Snapshot: @unchecked Sendable {
    private let parameters: AlignedBuffer<Float>
    private let runningStatistics: AlignedBuffer<Float>
    /// The optimizer's tensors, one behind the other.
    private let optimizerState: AlignedBuffer<Float>
    /// Room for the mean of the weights, in a run that takes one, and whether it is in there.
    private let averaged: BestModel.Weights?
    private var hasAverage = false
    /// The best model and its step, where that is not the model itself.
    private var best: (weights: BestModel.Weights, step: Int)?

    init(network: Sequential, optimizer: any Optimizer, averages: Bool) throws(AllocationError) {
        averaged = averages ? try BestModel.Weights(network: network) : nil
        let (count, statistics) = (network.parameterLayout.count, network.statisticsLayout.count)
        parameters = try AlignedBuffer(allocating: count, filledWith: 0)
        runningStatistics = try AlignedBuffer(allocating: statistics, filledWith: 0)
        optimizerState = try AlignedBuffer(
            allocating: optimizer.stateNames.count * count, filledWith: 0)
    }

    /// Copies the state after `step` steps, with the mean of the weights if there is one yet.
    func capture(_ model: ModelState<Float>, hasAverage: Bool, best: BestModel, step: Int) {
        parameters.vector.copy(from: model.parameters)
        runningStatistics.vector.copy(from: model.runningStatistics)
        for (index, source) in model.optimizerState.enumerated() {
            optimizerState.vector[index * source.count..<(index + 1) * source.count].copy(from: source)
        }
        self.hasAverage = hasAverage
        if hasAverage, let source = model.averaged, let averaged {
            averaged.parameters.vector.copy(from: source.parameters)
            averaged.runningStatistics.vector.copy(from: source.runningStatistics)
        }
        self.best = best.result.flatMap { $0.step == step ? nil : (best.weights, $0.step) }
    }

    /// Lets go of what is held but not copied.
    func release() { best = nil }

    /// The copy as tensors, whose bytes are the snapshot's own: they are not to be looked at when it has been given back.
    ///
    /// - Throws: `SafetensorsError`.
    func tensors(_ model: ModelTensors, metadata: CheckpointMetadata) throws -> [NamedTensor] {
        var tensors = try model.tensors(
            parameters: parameters.vector, runningStatistics: runningStatistics.vector,
            batches: metadata.position.step, of: self)
        let parameterCount = parameters.count
        for (index, name) in model.optimizer.stateNames.enumerated() {
            tensors += try model.tensors(
                optimizerState: name,
                optimizerState.vector[index * parameterCount..<(index + 1) * parameterCount], of: self)
        }
        if hasAverage, let averaged {
            tensors += try model.tensors(
                parameters: averaged.parameters.vector, runningStatistics: averaged.runningStatistics.vector,
                batches: metadata.position.step, prefix: ModelTensors.averagedPrefix, of: averaged)
        }
        if let best {
            tensors += try model.tensors(
                parameters: best.weights.parameters.vector,
                runningStatistics: best.weights.runningStatistics.vector,
                batches: best.step, prefix: ModelTensors.bestPrefix, of: best.weights)
        }
        return tensors
    }
}

/// The snapshots that nobody uses at the moment.
final class SnapshotPool: Sendable {
    /// How many there are: one being written while the next is taken.
    static let count = 2

    private let free: Mutex<[Snapshot]>
    private let isFree = DispatchSemaphore(value: count)

    init(network: Sequential, optimizer: any Optimizer, averages: Bool) throws(AllocationError) {
        var snapshots: [Snapshot] = []
        for _ in 0..<Self.count {
            snapshots.append(try Snapshot(network: network, optimizer: optimizer, averages: averages))
        }
        free = Mutex(snapshots)
    }

    /// Returns one, and waits while all are in use.
    func take() -> Snapshot {
        isFree.wait()
        return free.withLock { $0.removeLast() }
    }

    func giveBack(_ snapshot: Snapshot) {
        snapshot.release()
        free.withLock { $0.append(snapshot) }
        isFree.signal()
    }
}
