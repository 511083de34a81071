internal import Datasets
package import MLPEngine
package import Tensors

/// A network of one linear module with all that its products need, on one thread.
package final class PreparedLinear {
    private let network: Sequential
    private let parameters: AlignedBuffer<Float>
    private let packed: AlignedBuffer<Float>
    private let bytes: AlignedBuffer<Int8>
    private let maxima: AlignedBuffer<Float>
    private let sums: AlignedBuffer<Int32>
    private let products: LinearProducts<Float>
    private let module: Linear

    package init(_ network: Sequential, batch: Int, digits: Int?) throws {
        self.network = network
        let module = network.linears[0]
        self.module = module
        parameters = AlignedBuffer(zeroed: network.parameterLayout.count)
        packed = AlignedBuffer(zeroed: PackedWeights<Float>.count(of: network, withDigits: digits != nil))
        let slots = DigitWeights.slotCount(rows: module.outputs, columns: module.inputs)
        let count = digits.map {
            DigitWeights.packedCount(rows: module.outputs, columns: module.inputs, digits: $0)
        }
        bytes = AlignedBuffer(zeroed: count ?? 0)
        maxima = AlignedBuffer(zeroed: digits == nil ? 0 : slots)
        sums = AlignedBuffer(zeroed: digits == nil ? 0 : slots)
        var weights: DigitWeights?
        if let digits {
            weights = DigitWeights(
                rows: module.outputs, columns: module.inputs, planes: CIFAR10.channelMean.count,
                digits: digits, packed: bytes.vector, maxima: maxima.vector, sums: sums.vector)
        }
        products = try LinearProducts(
            network, batch: batch, packed: PackedWeights(numbers: packed.vector, digits: weights), threads: 1)
    }

    package func setWeights(_ weights: Vector<Float>) {
        parameters.vector[module.weight].copy(from: weights)
        products.packWeights(parameters.vector)
    }

    package func forward(_ x: BatchInput<Float>, into y: Matrix<Float>) {
        products.forward(module, x, parameters: parameters.vector, into: y)
    }

    package func weightGradient(_ x: BatchInput<Float>, dy: Matrix<Float>, into gradient: Matrix<Float>) {
        products.weightGradient(of: module, x: FactorInput(x), dy: StridedMatrix(dy), into: gradient)
    }
}
