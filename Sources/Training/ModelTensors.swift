internal import Checkpoints
internal import Foundation
internal import MLPEngine
internal import Tensors

/// A model's numbers as named tensors, and back.
///
/// The model's own tensors bear PyTorch's names, so that `load_state_dict` takes them; the optimizer's state
/// stands behind `optimizer.NAME.`, as `optimizer.velocity.`, the model that was best on validation behind `best.`, and the
/// mean of the weights behind `averaged.`.
struct ModelTensors {
    static func prefix(ofState name: String) -> String { Checkpoint.optimizerPrefix + name + "." }
    static let bestPrefix = Checkpoint.bestPrefix
    static let averagedPrefix = Checkpoint.averagedPrefix

    let network: Sequential
    var optimizer: any Optimizer = SGD()

    /// The model: parameters, running statistics, and the number of batches that these have seen. The tensors' bytes are those of
    /// the vectors, which `owner` holds.
    func tensors(
        parameters: Vector<Float>, runningStatistics: Vector<Float>, batches: Int, prefix: String = "",
        of owner: AnyObject
    ) throws -> [NamedTensor] {
        var tensors = try encode(parameters, network.parameterLayout, prefix: prefix, of: owner)
        tensors += try encode(runningStatistics, network.statisticsLayout, prefix: prefix, of: owner)
        tensors += batchCounterNames.map { NamedTensor(name: prefix + $0, scalar: Int64(batches)) }
        return tensors
    }

    /// One of the optimizer's state tensors, likewise.
    func tensors(
        optimizerState name: String, _ values: Vector<Float>, of owner: AnyObject
    ) throws -> [NamedTensor] {
        try encode(values, network.parameterLayout, prefix: Self.prefix(ofState: name), of: owner)
    }

    /// Copies a model's tensors into flat buffers.
    func restore(
        _ checkpoint: Checkpoint, prefix: String = "", parameters: Vector<Float>,
        runningStatistics: Vector<Float>
    ) throws {
        try decode(checkpoint, network.parameterLayout, prefix: prefix, into: parameters)
        try decode(checkpoint, network.statisticsLayout, prefix: prefix, into: runningStatistics)
    }

    /// Copies the optimizer's state into flat buffers.
    func restore(_ checkpoint: Checkpoint, optimizerState: [Vector<Float>]) throws {
        for (name, values) in zip(optimizer.stateNames, optimizerState) {
            try decode(
                checkpoint, network.parameterLayout, prefix: Self.prefix(ofState: name), into: values)
        }
    }

    /// PyTorch counts the batches of every batch norm module.
    private var batchCounterNames: [String] {
        network.statisticsLayout.entries.compactMap { entry in
            guard entry.name.hasSuffix(".running_var") else { return nil }
            return entry.name.dropLast("running_var".count) + "num_batches_tracked"
        }
    }

    private func encode(
        _ values: Vector<Float>, _ layout: ParameterLayout, prefix: String, of owner: AnyObject
    ) throws -> [NamedTensor] {
        try layout.entries.map { entry in
            try NamedTensor(
                name: prefix + entry.name, shape: entry.shape,
                floats: UnsafeBufferPointer(values[entry.range].buffer), of: owner)
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
