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
    private let products: PackedProducts<Float>
    private let module: Linear

    package init(_ network: Sequential, batch: Int, slices: Int?, channels: Int) throws {
        self.network = network
        let module = network.linears[0]
        self.module = module
        parameters = AlignedBuffer(zeroed: network.parameterLayout.count)
        packed = AlignedBuffer(
            zeroed: PackedProducts<Float>.weightCount(of: network, first: slices == nil ? 0 : 1))
        let slots = Int8Weights.slotCount(rows: module.outputs, columns: module.inputs)
        let count = slices.map {
            Int8Weights.packedCount(rows: module.outputs, columns: module.inputs, slices: $0)
        }
        bytes = AlignedBuffer(zeroed: count ?? 0)
        maxima = AlignedBuffer(zeroed: slices == nil ? 0 : slots)
        sums = AlignedBuffer(zeroed: slices == nil ? 0 : slots)
        let team = try WorkerTeam(threadCount: 1)
        guard let slices else {
            products = try PackedProducts(network, batch: batch, weights: packed.vector, team: team)
            return
        }
        products = try Int8Products(
            network, batch: batch, weights: packed.vector,
            int8: Int8Weights(
                rows: module.outputs, columns: module.inputs, channels: channels,
                slices: slices, packed: bytes.vector, maxima: maxima.vector, sums: sums.vector),
            team: team)
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
