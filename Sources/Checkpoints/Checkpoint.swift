/// All that is needed to continue a run, or to use its weights: tensors and what they mean.
public struct Checkpoint: Sendable, Equatable {
    /// Parameters, optimiser state and running statistics, by name.
    public var tensors: [NamedTensor]
    /// What the checkpoint says about the run.
    public var metadata: CheckpointMetadata

    /// Gathers a checkpoint.
    public init(tensors: [NamedTensor], metadata: CheckpointMetadata) {
        self.tensors = tensors
        self.metadata = metadata
    }

    /// Returns the tensor called `name`.
    ///
    /// - Throws: `SafetensorsError` if there is none.
    public func tensor(_ name: String) throws(SafetensorsError) -> NamedTensor {
        guard let tensor = tensors.first(where: { $0.name == name }) else {
            throw SafetensorsError("expected a tensor called \(name), found none")
        }
        return tensor
    }
}
