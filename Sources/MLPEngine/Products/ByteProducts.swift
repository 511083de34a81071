public import Tensors

extension Linear {
    /// Whether its products are worth numbers of fewer bytes where there are such: narrow layers stay Float, as they take no
    /// time.
    public var isWide: Bool { min(inputs, outputs) >= ByteWeights.blockWidth }
}

extension Sequential {
    /// The linear layers whose weights are packed as Floats.
    ///
    /// - Parameter slices: The bytes of a number in a product with pixels; nil for Float products, one for bytes in all
    ///   layers that are worth it.
    public func floatLinears(slices: Int?) -> [Linear] {
        switch slices {
        case nil: linears
        case 1: linears.filter { !$0.isWide }
        case 2: linears.dropFirst().filter { !$0.isWide }
        default: Array(linears.dropFirst())
        }
    }

    /// The linear layers whose weights are packed as bytes, both ways.
    public func byteLinears(slices: Int?) -> [Linear] {
        slices == 1 ? linears.filter(\.isWide) : []
    }
}

/// Products of two factors of one byte a number in all layers that are not narrow, forward and backward, see
/// ``MatmulPrecision/low``; exact in integers.
///
/// What a product rounds follows from its factors alone: activations and ∂L/∂Y of a row by that row, weights by blocks,
/// and for a weight gradient ∂L/∂Y by its columns over the whole batch.
public final class ByteProducts: PackedProducts<Float> {
    /// By linear layer; nil where it stays Float.
    private let weights: [ByteWeights?]
    /// The inputs of the last forward pass.
    private let inputs: AlignedBuffer<Float>
    /// Where they begin, by linear layer; nil where they are Floats or pixels.
    private let starts: [Int?]
    /// ∂L/∂Y on the way back.
    private let outputGradient: AlignedBuffer<Float>
    /// ∂L/∂Y of the weight gradient at hand.
    private let columns: ByteColumns?
    private let rows: Int
    private let ones: AlignedBuffer<Float>
    private let zeros: AlignedBuffer<Float>
    /// Of a layer that reads pixels the scales and constants of its product.
    private let scales: AlignedBuffer<Float>
    private let constants: AlignedBuffer<Float>
    private let factors: PixelFactors

    /// Makes room for products.
    ///
    /// - Parameters:
    ///   - network: The network.
    ///   - rows: The rows of a pass, at most.
    ///   - batch: The rows of a global batch, over which weight gradients are summed.
    ///   - weights: The packed weights of the layers that stay Float.
    ///   - bytes: Those of the others, in the order of ``Sequential/byteLinears(slices:)``.
    ///   - team: The threads that share a product.
    /// - Throws: `AllocationError`.
    public init(
        _ network: Sequential, rows: Int, batch: Int, weights: Vector<Float>, bytes: [ByteWeights],
        team: WorkerTeam
    ) throws(AllocationError) {
        let layers = network.byteLinears(slices: 1)
        precondition(bytes.count == layers.count, "\(bytes.count) weights of \(layers.count) layers")
        var all = [ByteWeights?](repeating: nil, count: network.linears.count)
        for (layer, weights) in zip(layers, bytes) { all[layer.index] = weights }
        self.weights = all
        self.rows = rows
        var starts = [Int?](repeating: nil, count: network.linears.count)
        var count = 0
        for linear in layers where !linear.readsBatch {
            starts[linear.index] = count
            count += rows * ByteRows.alignedRowCount(columns: linear.inputs)
        }
        self.starts = starts
        inputs = try AlignedBuffer(allocating: count)
        let rooms = ByteRooms(network)
        outputGradient = try AlignedBuffer(
            allocating: rooms.widestBack == 0
                ? 0 : rows * ByteRows.alignedRowCount(columns: rooms.widestBack))
        columns = layers.isEmpty ? nil : try ByteColumns(columns: rooms.widest, rows: batch)
        ones = try AlignedBuffer(allocating: ColumnGroups<Float>.width, filledWith: 1)
        zeros = try AlignedBuffer(allocating: rooms.widestInput)
        scales = try AlignedBuffer(allocating: rooms.pixelScales)
        constants = try AlignedBuffer(allocating: rooms.pixelOutputs)
        factors = try PixelFactors(count: rooms.pixels)
        try super.init(network, batch: batch, weights: weights, slices: 1, team: team)
    }

    /// The Floats of memory that they take besides those of Float products.
    public static func scalars(for network: Sequential, rows: Int, batch: Int) -> Int {
        let (layers, rooms) = (network.byteLinears(slices: 1), ByteRooms(network))
        guard !layers.isEmpty else { return 0 }
        let inputs = layers.reduce(0) {
            $0 + ($1.readsBatch ? 0 : rows * ByteRows.alignedRowCount(columns: $1.inputs))
        }
        let back = rooms.widestBack == 0 ? 0 : rows * ByteRows.alignedRowCount(columns: rooms.widestBack)
        let columns = ByteColumns.byteCount(columns: rooms.widest, rows: batch) / MemoryLayout<Float>.stride
        return inputs + back + columns + rooms.pixelScales + rooms.pixelOutputs + 2 * rooms.pixels
    }

    public override var panelsAtOnce: Int { ByteWeights.blockWidth / PackedMatrix<Float>.panelWidth }

    /// Packs some columns of W, whole blocks where they are bytes.
    public override func weightsChanged(
        of linear: Linear, _ parameters: Vector<Float>, columns: Range<Int>
    ) {
        guard let weights = weights[linear.index] else {
            return super.weightsChanged(of: linear, parameters, columns: columns)
        }
        weights.pack(linear.weightMatrix(parameters), columns: columns)
    }

    /// The bytes of X in the last forward pass, where there are such.
    public override func factor(of linear: Linear, _ x: BatchInput<Float>) -> FactorInput<Float> {
        input(of: linear, rows: x.rows).map { .bytes($0) } ?? super.factor(of: linear, x)
    }

    public override func factorFormat(of linear: Linear) -> FactorFormat {
        starts[linear.index] == nil ? super.factorFormat(of: linear) : .bytes
    }

    private func input(of linear: Linear, rows: Int) -> ByteRows? {
        starts[linear.index].map { start in
            Self.bytes(inputs.vector[start..<inputs.count], rows: rows, columns: linear.inputs)
        }
    }

    private static func bytes(_ memory: Vector<Float>, rows: Int, columns: Int) -> ByteRows {
        let width = ByteRows.alignedRowCount(columns: columns)
        return ByteRows(
            StridedMatrix(memory[0..<rows * width].matrix(rows: rows, columns: width)), columns: columns)
    }

    /// Y = X Wᵀ + 1 bᵀ, of bytes; those of X are kept for the weight gradient.
    public override func forward(
        _ linear: Linear, _ x: BatchInput<Float>, parameters: Vector<Float>, into y: Matrix<Float>
    ) {
        guard let weights = weights[linear.index] else {
            return super.forward(linear, x, parameters: parameters, into: y)
        }
        let work = x.rows * linear.inputs * linear.outputs
        switch x {
        case .pixels(let x):
            weights.pixelTerms(
                scale: x.scale, shift: x.shift, bias: parameters[linear.bias], scales: scales.vector,
                constants: constants.vector)
            groups.share(
                x.rows, work: work,
                PixelForward(x: x, weights: weights, scales: scales.vector, constants: constants.vector, y: y)
            )
        case .numbers(let x):
            guard let bytes = input(of: linear, rows: x.rows) else {
                preconditionFailure("a layer that reads the batch, which is no pixels")
            }
            groups.share(
                x.rows, work: work,
                Forward(x: x, bytes: bytes, weights: weights, bias: parameters[linear.bias], y: y))
        }
    }

    private struct PixelForward: PartTask {
        let x: PixelMatrix<Float>
        let weights: ByteWeights
        let scales: Vector<Float>
        let constants: Vector<Float>
        let y: Matrix<Float>

        func callAsFunction(_ task: Int, _ rows: Range<Int>) {
            y[rows: rows].gemm(x[rows: rows], weights, scales: scales, constants: constants)
        }
    }

    private struct Forward: PartTask {
        let x: Matrix<Float>
        let bytes: ByteRows
        let weights: ByteWeights
        let bias: Vector<Float>
        let y: Matrix<Float>

        func callAsFunction(_ task: Int, _ rows: Range<Int>) {
            bytes[rows: rows].quantize(x[rows: rows])
            y[rows: rows].gemm(bytes[rows: rows], weights, bias: bias)
        }
    }

    /// ∂L/∂X = ∂L/∂Y W, of bytes.
    public override func inputGradient(
        of linear: Linear, dy: Matrix<Float>, parameters: Vector<Float>, into dx: Matrix<Float>
    ) {
        guard let weights = weights[linear.index], !linear.readsBatch else {
            return super.inputGradient(of: linear, dy: dy, parameters: parameters, into: dx)
        }
        groups.share(
            dy.rows, work: dy.rows * linear.inputs * linear.outputs,
            InputGradient(
                dy: dy, bytes: Self.bytes(outputGradient.vector, rows: dy.rows, columns: linear.outputs),
                weights: weights, zeros: zeros.vector, dx: dx))
    }

    private struct InputGradient: PartTask {
        let dy: Matrix<Float>
        let bytes: ByteRows
        let weights: ByteWeights
        let zeros: Vector<Float>
        let dx: Matrix<Float>

        func callAsFunction(_ task: Int, _ rows: Range<Int>) {
            bytes[rows: rows].quantize(dy[rows: rows])
            dx[rows: rows].gemm(backward: bytes[rows: rows], weights, zeros: zeros)
        }
    }

    override func prepareGradient(
        of linear: Linear, _ x: FactorInput<Float>, _ dy: FactorInput<Float>
    ) {
        guard let columns, linear.isWide else { return }
        let dy = dy.numbers
        let units = (linear.outputs + ColumnPart.width - 1) / ColumnPart.width
        groups.share(units, work: dy.rows * linear.outputs, ColumnPart(columns: columns, x: x, dy: dy))
        if case .pixels(let x) = x { factors.fill(from: x) }
    }

    private struct ColumnPart: PartTask {
        static var width: Int { 64 }
        let columns: ByteColumns
        let x: FactorInput<Float>
        let dy: StridedMatrix<Float>

        func callAsFunction(_ task: Int, _ part: Range<Int>) {
            let range = part.lowerBound * Self.width..<min(part.upperBound * Self.width, dy.columns)
            if case .bytes(let x) = x {
                columns.quantize(dy, columns: range, times: x)
            } else {
                columns.quantize(dy, columns: range)
            }
        }
    }

    override func computeGradient(
        _ task: Int, of linear: Linear, _ x: FactorInput<Float>, _ dy: FactorInput<Float>,
        columns range: Range<Int>, into gradient: Matrix<Float>, at first: Int
    ) {
        guard let columns, linear.isWide else {
            return super.computeGradient(
                task, of: linear, x, dy, columns: range, into: gradient, at: first)
        }
        let scratch = factorRoom(task).bytes
        switch x {
        case .bytes(let x):
            gradient.gemm(columns, x, columns: range, at: first, ones: ones.vector, scratch: scratch)
        case .pixels(let x):
            gradient.gemm(
                columns, x, columns: range, at: first, factors: factors.scales,
                zeroPoints: factors.zeroPoints,
                scratch: scratch)
        case .numbers, .bfloat16: preconditionFailure("a weight gradient of numbers where there are bytes")
        }
    }
}

/// The sizes of what products of bytes work in.
private struct ByteRooms {
    /// The most outputs of a layer, and of one with a way back.
    var widest = 0
    var widestBack = 0
    /// The most inputs of a layer with a way back.
    var widestInput = 0
    /// Of a layer that reads pixels: the scales of its weights, its outputs, and its inputs in whole panels.
    var pixelScales = 0
    var pixelOutputs = 0
    var pixels = 0

    init(_ network: Sequential) {
        for linear in network.byteLinears(slices: 1) {
            widest = max(widest, linear.outputs)
            if linear.readsBatch {
                pixelScales =
                    ByteWeights.counts(rows: linear.outputs, columns: linear.inputs, hasBackward: false)
                    .scales
                pixelOutputs = linear.outputs
                pixels = PackedMatrix<Float>.panelCount(linear.inputs) * PackedMatrix<Float>.panelWidth
            } else {
                widestBack = max(widestBack, linear.outputs)
                widestInput = max(widestInput, linear.inputs)
            }
        }
    }
}
