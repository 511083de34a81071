public import Tensors

extension Sequential {
    /// The linear layers whose products are of bfloat16 numbers: with ``MatmulPrecision/medium`` those behind another layer
    /// that are not narrow.
    ///
    /// - Parameter slices: The bytes of a number in a product with pixels.
    public func bfloat16Linears(slices: Int?) -> [Linear] {
        slices == 2 ? linears.filter { !$0.readsBatch && $0.isWide } : []
    }
}

/// Products of ``MatmulPrecision/medium``: of the first layer with pixels in integers, of other wide layers of bfloat16 numbers
/// summed in Float, of narrow layers of Floats.
///
/// Every factor is rounded once: X on the way forward, ∂L/∂Y on the way back, from where both travel to the weight gradient as
/// they are, W by whoever has updated it.
public final class BFloat16Products: Int8Products {
    /// By linear layer; nil where it is none of them.
    private let weights: [BFloat16Weights?]
    /// The inputs of the last forward pass.
    private let inputs: AlignedBuffer<Float>
    /// Where they begin, by linear layer.
    private let starts: [Int?]
    /// ∂L/∂Y on the way back.
    private let outputGradient: AlignedBuffer<Float>
    /// The layer whose ∂L/∂Y stands there, until its input gradient is computed.
    private var rounded: Linear?

    /// Makes room for products.
    ///
    /// - Parameters:
    ///   - network: The network, whose first linear layer reads the batch.
    ///   - rows: The rows of a pass, at most.
    ///   - batch: The rows of a global batch, over which weight gradients are summed; 0 where none are computed.
    ///   - weights: The packed weights of the narrow layers.
    ///   - int8: Those of the first layer.
    ///   - bfloat16: Those of the others, in the order of ``Sequential/bfloat16Linears(slices:)``.
    ///   - team: The threads that share a product.
    /// - Throws: `AllocationError`.
    public init(
        _ network: Sequential, rows: Int, batch: Int, weights: Vector<Float>, int8: Int8Weights,
        bfloat16: [BFloat16Weights], team: WorkerTeam
    ) throws(AllocationError) {
        let layers = network.bfloat16Linears(slices: int8.slices)
        precondition(bfloat16.count == layers.count, "\(bfloat16.count) weights of \(layers.count) layers")
        var all = [BFloat16Weights?](repeating: nil, count: network.linears.count)
        for (layer, weights) in zip(layers, bfloat16) { all[layer.index] = weights }
        self.weights = all
        var starts = [Int?](repeating: nil, count: network.linears.count)
        var count = 0
        for linear in layers {
            starts[linear.index] = count
            count += rows * BFloat16Rows.alignedRowCount(columns: linear.inputs)
        }
        self.starts = starts
        inputs = try AlignedBuffer(allocating: count)
        outputGradient = try AlignedBuffer(allocating: rows * Self.widestGradient(layers))
        try super.init(network, batch: batch, weights: weights, int8: int8, team: team)
    }

    private static func widestGradient(_ layers: [Linear]) -> Int {
        layers.map { BFloat16Rows.alignedRowCount(columns: $0.outputs) }.max() ?? 0
    }

    /// The Floats of memory that they take besides those of products in Float and in integers.
    public static func scalars(for network: Sequential, rows: Int) -> Int {
        let layers = network.bfloat16Linears(slices: 2)
        return rows
            * layers.reduce(widestGradient(layers)) {
                $0 + BFloat16Rows.alignedRowCount(columns: $1.inputs)
            }
    }

    private static func view(_ memory: Vector<Float>, rows: Int, columns: Int) -> BFloat16Rows {
        let width = BFloat16Rows.alignedRowCount(columns: columns)
        return BFloat16Rows(
            StridedMatrix(memory[0..<rows * width].matrix(rows: rows, columns: width)), columns: columns)
    }

    private func input(of linear: Linear, rows: Int) -> BFloat16Rows? {
        starts[linear.index].map { start in
            Self.view(inputs.vector[start..<inputs.count], rows: rows, columns: linear.inputs)
        }
    }

    /// Packs some columns of W, both ways where they are bfloat16 numbers.
    public override func weightsChanged(
        of linear: Linear, _ parameters: Vector<Float>, columns: Range<Int>
    ) {
        guard let weights = weights[linear.index] else {
            return super.weightsChanged(of: linear, parameters, columns: columns)
        }
        weights.pack(linear.weightMatrix(parameters), columns: columns)
    }

    public override func factorFormat(of linear: Linear) -> FactorFormat {
        weights[linear.index] == nil ? super.factorFormat(of: linear) : .bfloat16
    }

    /// X of the last forward pass as it was rounded.
    public override func factor(of linear: Linear, _ x: BatchInput<Float>) -> FactorInput<Float> {
        input(of: linear, rows: x.rows).map { .bfloat16($0) } ?? super.factor(of: linear, x)
    }

    /// Rounds ∂L/∂Y, rows shared out.
    public override func outputFactor(of linear: Linear, _ dy: Matrix<Float>) -> FactorInput<Float> {
        guard weights[linear.index] != nil else { return super.outputFactor(of: linear, dy) }
        let rows = Self.view(outputGradient.vector, rows: dy.rows, columns: linear.outputs)
        groups.share(dy.rows, work: dy.rows * linear.outputs, Rounding(numbers: dy, rows: rows))
        rounded = linear
        return .bfloat16(rows)
    }

    private struct Rounding: PartTask {
        let numbers: Matrix<Float>
        let rows: BFloat16Rows

        func callAsFunction(_ task: Int, _ part: Range<Int>) { rows[rows: part].round(numbers[rows: part]) }
    }

    /// Y = X Wᵀ + 1 bᵀ; X is rounded and kept for the weight gradient.
    public override func forward(
        _ linear: Linear, _ x: BatchInput<Float>, parameters: Vector<Float>, into y: Matrix<Float>
    ) {
        guard let weights = weights[linear.index], case .numbers(let numbers) = x,
            let input = input(of: linear, rows: x.rows)
        else { return super.forward(linear, x, parameters: parameters, into: y) }
        groups.share(
            x.rows, work: x.rows * linear.inputs * linear.outputs,
            Forward(
                products: self, x: numbers, rounded: input, weights: weights, bias: parameters[linear.bias],
                y: y))
    }

    private struct Forward: PartTask {
        let products: BFloat16Products
        let x: Matrix<Float>
        let rounded: BFloat16Rows
        let weights: BFloat16Weights
        let bias: Vector<Float>
        let y: Matrix<Float>

        func callAsFunction(_ task: Int, _ rows: Range<Int>) {
            rounded[rows: rows].round(x[rows: rows])
            y[rows: rows].gemm(rounded[rows: rows], weights, bias: bias, scratch: products.scratch(task))
        }
    }

    /// ∂L/∂X = ∂L/∂Y W, rows shared out.
    public override func inputGradient(
        of linear: Linear, dy: Matrix<Float>, parameters: Vector<Float>, into dx: Matrix<Float>
    ) {
        guard let weights = weights[linear.index] else {
            return super.inputGradient(of: linear, dy: dy, parameters: parameters, into: dx)
        }
        if rounded != linear { _ = outputFactor(of: linear, dy) }
        rounded = nil
        let rows = Self.view(outputGradient.vector, rows: dy.rows, columns: linear.outputs)
        groups.share(
            dy.rows, work: dy.rows * linear.inputs * linear.outputs,
            InputGradient(products: self, dy: rows, weights: weights, dx: dx))
    }

    private struct InputGradient: PartTask {
        let products: BFloat16Products
        let dy: BFloat16Rows
        let weights: BFloat16Weights
        let dx: Matrix<Float>

        func callAsFunction(_ task: Int, _ rows: Range<Int>) {
            dx[rows: rows].gemm(backward: dy[rows: rows], weights, scratch: products.scratch(task))
        }
    }

    override func computeGradient(
        _ task: Int, of linear: Linear, _ x: FactorInput<Float>, _ dy: FactorInput<Float>,
        columns: Range<Int>, into gradient: Matrix<Float>, at first: Int
    ) {
        guard weights[linear.index] != nil else {
            return super.computeGradient(
                task, of: linear, x, dy, columns: columns, into: gradient, at: first)
        }
        guard case .bfloat16(let x) = x, case .bfloat16(let dy) = dy else {
            preconditionFailure("a weight gradient of others where there are bfloat16 numbers")
        }
        gradient.gemm(
            transposeOf: dy, x, columns: columns, at: first, room: factorRoom(task),
            scratch: scratch(task))
    }
}
