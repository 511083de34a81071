package import MLPEngine
package import Tensors

/// A network of one linear module with all that its products need, on one thread.
package final class PreparedLinear {
    private let network: Sequential
    private let parameters: AlignedBuffer<Float>
    private let packed: AlignedBuffer<Float>
    private let bytes: AlignedBuffer<Int8>
    /// Of the weights as integers: the largest magnitudes of slots, or the scales of blocks.
    private let maxima: AlignedBuffer<Float>
    private let sums: AlignedBuffer<Int32>
    private let products: PackedProducts<Float>
    private let module: Linear

    package init(_ network: Sequential, batch: Int, slices: Int?, channels: Int) throws {
        self.network = network
        let module = network.linears[0]
        self.module = module
        parameters = AlignedBuffer(zeroed: network.parameterLayout.count)
        packed = AlignedBuffer(zeroed: PackedProducts<Float>.weightCount(of: network, slices: slices))
        let (rows, columns) = (module.outputs, module.inputs)
        let counts = ByteWeights.counts(rows: rows, columns: columns, hasBackward: false)
        let integers: (packed: Int, maxima: Int, sums: Int) =
            switch slices {
            case nil: (0, 0, 0)
            case 1: (counts.packed, counts.scales, 0)
            case let slices?:
                (
                    Int8Weights.packedCount(rows: rows, columns: columns, slices: slices),
                    Int8Weights.slotCount(rows: rows, columns: columns),
                    Int8Weights.slotCount(rows: rows, columns: columns)
                )
            }
        bytes = AlignedBuffer(zeroed: integers.packed)
        maxima = AlignedBuffer(zeroed: integers.maxima)
        sums = AlignedBuffer(zeroed: integers.sums)
        let team = try WorkerTeam(threadCount: 1)
        switch slices {
        case nil:
            products = try PackedProducts(network, batch: batch, weights: packed.vector, team: team)
        case 1:
            let weights = ByteWeights(
                rows: rows, columns: columns, hasBackward: false, packed: bytes.vector, scales: maxima.vector)
            products = try ByteProducts(
                network, rows: batch, batch: batch, weights: packed.vector,
                bytes: module.isWide ? [weights] : [], team: team)
        case let slices?:
            products = try Int8Products(
                network, batch: batch, weights: packed.vector,
                int8: Int8Weights(
                    rows: rows, columns: columns, channels: channels, slices: slices, packed: bytes.vector,
                    maxima: maxima.vector, sums: sums.vector),
                team: team)
        }
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
