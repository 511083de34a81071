/// All that is needed to continue a run, or to use its weights: tensors and what they mean.
public struct Checkpoint: Sendable, Equatable {
    /// Parameters, optimizer state and running statistics, by name.
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

extension Checkpoint {
    /// What the names of the optimizer's tensors begin with.
    public static let optimizerPrefix = "optimizer."
    /// What the names of the tensors of the model that was best on validation begin with. They are there only where the
    /// model itself is another one.
    public static let bestPrefix = "best."
    /// What the names of the tensors of the mean of the weights begin with, where the run keeps one.
    public static let averagedPrefix = "averaged."

    /// Which of a checkpoint's models.
    public enum Model: Sendable {
        /// The one after the checkpoint's last step.
        case current
        /// The one that was best on validation up to then.
        case best
        /// The mean of the weights.
        case averaged
    }

    /// What the names of a model's tensors begin with.
    ///
    /// - Returns: Nil where there is no such model: nothing was validated yet, or no mean was taken.
    public func prefix(of model: Model) -> String? {
        switch model {
        case .current: ""
        case .best:
            // Where there is a mean, that is what was validated.
            metadata.bestValidation.map {
                $0.step == metadata.position.step ? prefix(of: .averaged) ?? "" : Self.bestPrefix
            }
        case .averaged:
            tensors.contains { $0.name.hasPrefix(Self.averagedPrefix) } ? Self.averagedPrefix : nil
        }
    }

    /// The tensors of a model alone, under PyTorch's names: parameters, running statistics and the number of batches
    /// that these have seen.
    ///
    /// - Throws: `SafetensorsError` if there is no such model.
    public func weights(of model: Model) throws(SafetensorsError) -> [NamedTensor] {
        guard let prefix = prefix(of: model) else {
            throw SafetensorsError(
                model == .best
                    ? "expected a model that was best on validation, found no validation yet"
                    : "expected a mean of the weights (\(Self.averagedPrefix)…), found none")
        }
        let isMarked = { (name: String) in
            [Self.optimizerPrefix, Self.bestPrefix, Self.averagedPrefix].contains { name.hasPrefix($0) }
        }
        return prefix.isEmpty
            ? tensors.filter { !isMarked($0.name) }
            : tensors.filter { $0.name.hasPrefix(prefix) }.map {
                $0.renamed(String($0.name.dropFirst(prefix.count)))
            }
    }
}
