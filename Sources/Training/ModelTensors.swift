internal import Checkpoints
internal import Foundation
internal import MLPEngine
internal import Tensors

/// A model's numbers as named tensors, and back.
///
/// The model's own tensors bear PyTorch's names, so that `load_state_dict` takes them; the optimiser's velocities
/// stand behind `optimizer.velocity.`, and the model that was best on validation behind `best.`.
struct ModelTensors {
    static let velocityPrefix = Checkpoint.optimizerPrefix + "velocity."
    static let bestPrefix = Checkpoint.bestPrefix

    let network: Sequential

    /// The model: parameters, running statistics, and the number of batches that these have seen.
    func tensors(
        parameters: Vector<Float>, runningStatistics: Vector<Float>, batches: Int, prefix: String = ""
    ) throws -> [NamedTensor] {
        var tensors = try encode(parameters, network.parameterLayout, prefix: prefix)
        tensors += try encode(runningStatistics, network.statisticsLayout, prefix: prefix)
        tensors += batchCounterNames.map { NamedTensor(name: prefix + $0, scalar: Int64(batches)) }
        return tensors
    }

    /// The optimiser's velocities.
    func tensors(velocity: Vector<Float>) throws -> [NamedTensor] {
        try encode(velocity, network.parameterLayout, prefix: Self.velocityPrefix)
    }

    /// Copies a model's tensors into flat buffers.
    func restore(
        _ checkpoint: Checkpoint, prefix: String = "", parameters: Vector<Float>,
        runningStatistics: Vector<Float>
    ) throws {
        try decode(checkpoint, network.parameterLayout, prefix: prefix, into: parameters)
        try decode(checkpoint, network.statisticsLayout, prefix: prefix, into: runningStatistics)
    }

    /// Copies the velocities into a flat buffer.
    func restore(_ checkpoint: Checkpoint, velocity: Vector<Float>) throws {
        try decode(checkpoint, network.parameterLayout, prefix: Self.velocityPrefix, into: velocity)
    }

    /// PyTorch counts the batches of every batch norm module.
    private var batchCounterNames: [String] {
        network.statisticsLayout.entries.compactMap { entry in
            guard entry.name.hasSuffix(".running_var") else { return nil }
            return entry.name.dropLast("running_var".count) + "num_batches_tracked"
        }
    }

    private func encode(_ values: Vector<Float>, _ layout: ParameterLayout, prefix: String) throws
        -> [NamedTensor]
    {
        try layout.entries.map { entry in
            try NamedTensor(
                name: prefix + entry.name, shape: entry.shape,
                floats: UnsafeBufferPointer(values[entry.range].buffer))
        }
    }

    private func decode(
        _ checkpoint: Checkpoint, _ layout: ParameterLayout, prefix: String, into values: Vector<Float>
    ) throws {
        for entry in layout.entries {
            let tensor = try checkpoint.tensor(prefix + entry.name)
            guard tensor.shape == entry.shape else {
                throw ResumePoint.Failure(
                    description: "tensor \(tensor.name): expected shape \(entry.shape), found \(tensor.shape)"
                )
            }
            try tensor.copyFloats(to: values[entry.range].buffer)
        }
    }
}
