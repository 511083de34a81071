package import Checkpoints
internal import Foundation
internal import MLPEngine
internal import Tensors
package import Whitening

extension WhiteningMap {
    /// A model of whitened images as one of standardised ones: the map is put into the first layer.
    ///
    /// Without its rounding and clipping the map is affine, and so is the first layer: their composition is again a linear
    /// layer, with weights and biases of its own.
    ///
    /// - Parameters:
    ///   - tensors: The model's, under PyTorch's names.
    ///   - configuration: That of its run.
    /// - Returns: The same tensors but for the first layer's.
    /// - Throws: ``ResumePoint/Failure`` where the first layer's are not there, `AllocationError`.
    package func folded(
        into tensors: [NamedTensor], of configuration: TrainingConfiguration
    ) throws -> [NamedTensor] {
        let network = MLP(configuration.model).network
        let (first, entries) = (network.linears[0], network.parameterLayout.entries)
        let names = [first.weight, first.bias].map { range in entries.first { $0.range == range }?.name ?? ""
        }
        func numbers(_ name: String) throws -> [Float] {
            guard let tensor = tensors.first(where: { $0.name == name }) else {
                throw ResumePoint.Failure(
                    description: "--fold-whitening: expected a tensor \(name) of the first layer, found none")
            }
            return try tensor.floats()
        }
        let (weights, biases) = try folded(
            weights: try numbers(names[0]), biases: try numbers(names[1]), format: configuration.dataFormat)
        return try tensors.map { tensor in
            switch tensor.name {
            case names[0]: try NamedTensor(name: tensor.name, shape: tensor.shape, floats: weights)
            case names[1]: try NamedTensor(name: tensor.name, shape: tensor.shape, floats: biases)
            default: tensor
            }
        }
    }
}
