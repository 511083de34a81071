public import Tensors

/// Products of the first layer with pixels in integers, see ``MatmulPrecision``; all others are those of numbers, or a
/// subclass's.
///
/// It keeps the scales of the weights that hold now. They are the same on every rank, since they follow from what all ranks
/// see.
public class Int8Products: PackedProducts<Float> {
    private let weights: Int8Weights
    private var scales: Int8Scales?
    private let largest: AlignedBuffer<Float>
    private let constants: AlignedBuffer<Float>
    private let totals: AlignedBuffer<Double>
    private let samples: Int8Gradient?
    private let factors: PixelFactors

    /// Makes room for products.
    ///
    /// - Parameters:
    ///   - network: The network, whose first linear layer reads the batch.
    ///   - batch: The rows of a global batch, over which weight gradients are summed; 0 where none are computed.
    ///   - weights: The packed weights of all linear layers but the first.
    ///   - int8: The first one's.
    ///   - team: The threads that share a product.
    /// - Throws: `AllocationError`.
    public init(
        _ network: Sequential, batch: Int, weights: Vector<Float>, int8: Int8Weights, team: WorkerTeam
    ) throws(AllocationError) {
        precondition(network.linears.first?.readsBatch == true, "pixels behind another layer")
        self.weights = int8
        largest = try AlignedBuffer(allocating: int8.rows)
        constants = try AlignedBuffer(allocating: int8.rows)
        totals = try AlignedBuffer(allocating: int8.rows)
        samples =
            batch == 0 ? nil : try Int8Gradient(capacity: batch, columns: int8.rows, slices: int8.slices)
        factors = try PixelFactors(count: int8.columns)
        try super.init(network, batch: batch, weights: weights, slices: int8.slices, team: team)
    }

    /// Packs the weights of all layers, the first one's in scales that follow from all of its weights.
    public override func packWeights(_ parameters: Vector<Float>) {
        weights.measure(linears[0].weightMatrix(parameters))
        updateScales()
        super.packWeights(parameters)
    }

    /// Packs some columns of W, the first layer's in the scales that hold.
    public override func weightsChanged(
        of linear: Linear, _ parameters: Vector<Float>, columns: Range<Int>
    ) {
        guard linear.index == 0 else {
            return super.weightsChanged(of: linear, parameters, columns: columns)
        }
        weights.pack(linear.weightMatrix(parameters), columns: columns, scales: currentScales)
    }

    /// Takes over the scales that follow from the weights of all ranks; the first layer where they have changed.
    public override func requantize() -> Linear? { updateScales() ? linears[0] : nil }

    /// Y = X Wᵀ + 1 bᵀ, of pixels in integers.
    public override func forward(
        _ linear: Linear, _ x: BatchInput<Float>, parameters: Vector<Float>, into y: Matrix<Float>
    ) {
        guard linear.index == 0, case .pixels(let x) = x else {
            return super.forward(linear, x, parameters: parameters, into: y)
        }
        // Others may have packed the weights.
        if scales == nil { updateScales() }
        let (matrix, bias, scales) = (
            linear.weightMatrix(parameters), parameters[linear.bias], currentScales
        )
        let constants = constants.vector
        weights.constants(
            scales: scales, shift: x.shift, bias: bias, totals: totals.vector, into: constants)
        groups.share(
            x.rows, work: x.rows * linear.inputs * linear.outputs,
            Forward(
                x: x, weights: weights, scales: scales, constants: constants, matrix: matrix, bias: bias,
                y: y))
    }

    private struct Forward: PartTask {
        let x: PixelMatrix<Float>
        let weights: Int8Weights
        let scales: Int8Scales
        let constants: Vector<Float>
        let matrix: Matrix<Float>
        let bias: Vector<Float>
        let y: Matrix<Float>

        func callAsFunction(_ task: Int, _ rows: Range<Int>) {
            y[rows: rows].gemm(
                x[rows: rows], weights, scales: scales, constants: constants, weights: matrix, bias: bias)
        }
    }

    override func prepareGradient(
        of linear: Linear, _ x: FactorInput<Float>, _ dy: FactorInput<Float>
    ) {
        guard case .pixels(let x) = x else { return }
        samples?.pack(dy.numbers)
        factors.fill(from: x)
    }

    override func computeGradient(
        _ task: Int, of linear: Linear, _ x: FactorInput<Float>, _ dy: FactorInput<Float>,
        columns: Range<Int>, into gradient: Matrix<Float>, at first: Int
    ) {
        guard case .pixels(let x) = x, let samples else {
            return super.computeGradient(
                task, of: linear, x, dy, columns: columns, into: gradient, at: first)
        }
        gradient.gemm(
            samples, x, columns: columns, at: first, factors: factors.scales,
            zeroPoints: factors.zeroPoints,
            scratch: factorRoom(task).bytes)
    }

    private var currentScales: Int8Scales {
        guard let scales else { preconditionFailure("weights without scales") }
        return scales
    }

    /// Takes over the scales that follow from the weights of all ranks.
    ///
    /// - Returns: Whether weights have been packed with other scales.
    @discardableResult
    private func updateScales() -> Bool {
        weights.largest(into: largest.vector)
        guard scales != nil else {
            scales = Int8Scales(largest: largest.vector, slices: weights.slices)
            return false
        }
        return scales?.update(largest: largest.vector) ?? false
    }
}

/// For the weight gradient of a layer that reads pixels: each pixel's scale, and the number that its byte 128 stands for. They
/// are taken from the first batch, as the normalisation is the same for all.
final class PixelFactors {
    private let scaleBuffer: AlignedBuffer<Float>
    private let zeroPointBuffer: AlignedBuffer<Float>
    private var isFilled = false

    init(count: Int) throws(AllocationError) {
        scaleBuffer = try AlignedBuffer(allocating: count)
        zeroPointBuffer = try AlignedBuffer(allocating: count)
    }

    var scales: Vector<Float> { scaleBuffer.vector }
    var zeroPoints: Vector<Float> { zeroPointBuffer.vector }

    func fill(from x: PixelMatrix<Float>) {
        guard !isFilled else { return }
        isFilled = true
        for column in 0..<x.columns {
            let channel = column / x.channelSize
            scales[column] = x.scale[channel]
            zeroPoints[column] = x.shift[channel] + 128 * x.scale[channel]
        }
    }
}
