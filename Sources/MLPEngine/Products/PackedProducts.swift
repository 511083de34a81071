public import Tensors

/// Our own matrix products: packed panels, one order of sums, spread over the threads of one rank.
///
/// Weights are used packed for the forward pass. Every entry of every product is summed in one order, so no division among
/// threads or ranks changes a bit.
public class PackedProducts<Scalar: TensorScalar>: MatrixProducts {
    /// The threads that share a product.
    public var team: WorkerTeam { groups.team }

    let linears: [Linear]
    let groups: ColumnGroups<Scalar>
    /// The packed weights by layer; nil where they are not Floats.
    private let weights: [PackedMatrix<Scalar>?]
    /// For each thread what products work in, and the right factor of a weight gradient.
    private let scratch: AlignedBuffer<Scalar>
    private let factors: AlignedBuffer<Scalar>
    /// The weights of one layer, packed for the way back.
    private let backward: AlignedBuffer<Scalar>
    private let batch: Int
    private let factorCount: Int
    private let widest: Int

    /// Makes room for products.
    ///
    /// - Parameters:
    ///   - network: The network.
    ///   - batch: The rows of a global batch, over which weight gradients are summed; 0 where none are computed.
    ///   - weights: ``weightCount(of:slices:)`` scalars for the packed weights; others may have packed them, as several
    ///     backends can share them.
    ///   - slices: The bytes of a number in products of integers, whose layers are not packed here.
    ///   - team: The threads that share a product.
    /// - Throws: `AllocationError`.
    public init(
        _ network: Sequential, batch: Int, weights: Vector<Scalar>, slices: Int? = nil, team: WorkerTeam
    ) throws(AllocationError) {
        self.batch = batch
        groups = try ColumnGroups(network, isTrained: batch > 0, team: team)
        let threads = team.threadCount
        linears = network.linears
        var start = 0
        var packed = [PackedMatrix<Scalar>?](repeating: nil, count: network.linears.count)
        for linear in network.floatLinears(slices: slices) {
            let count = PackedMatrix<Scalar>.count(rows: linear.inputs, columns: linear.outputs)
            packed[linear.index] = PackedMatrix(
                weights[start..<start + count], rows: linear.inputs, columns: linear.outputs)
            start += count
        }
        self.weights = packed
        let rooms = Rooms(network, batch: batch, threads: threads, slices: slices)
        (widest, factorCount) = (rooms.widest, rooms.factorsOfThread)
        scratch = try AlignedBuffer(allocating: rooms.scratch, filledWith: 0)
        factors = try AlignedBuffer(allocating: threads * factorCount)
        backward = try AlignedBuffer(allocating: rooms.backward)
    }

    /// The scalars that the packed weights of `network` take, without those that are integers of so many slices.
    public static func weightCount(of network: Sequential, slices: Int? = nil) -> Int {
        network.floatLinears(slices: slices).reduce(0) {
            $0 + PackedMatrix<Scalar>.count(rows: $1.inputs, columns: $1.outputs)
        }
    }

    /// What products work in, in scalars.
    private struct Rooms {
        let widest: Int
        let scratch: Int
        let factorsOfThread: Int
        let gradients: Int
        let backward: Int

        init(_ network: Sequential, batch: Int, threads: Int, slices: Int?) {
            let linears = network.linears
            widest = linears.map(\.outputs).max() ?? 0
            scratch = threads * Scalar.gemmScratch
            let pixelBytes = Int8Gradient.pixelCount(rows: batch, columns: ColumnGroups<Scalar>.width)
            let panelBytes =
                slices == 1 ? ByteColumns.panelCount(rows: batch, columns: ColumnGroups<Scalar>.width) : 0
            factorsOfThread = max(
                batch * ColumnGroups<Scalar>.width, max(pixelBytes, panelBytes) / MemoryLayout<Scalar>.stride)
            gradients = batch == 0 ? 0 : ColumnGroups<Scalar>.count(network, threads: threads)
            // Nobody asks for the gradient of the batch itself.
            let largest = network.floatLinears(slices: slices).lazy.filter { !$0.readsBatch }.map {
                PackedMatrix<Scalar>.count(rows: $0.outputs, columns: $0.inputs)
            }
            backward = batch == 0 ? 0 : largest.max() ?? 0
        }
    }

    /// The scalars that products work in: how many are allocated, how many of them at once, how many of them steps write at
    /// least, where there are more threads than work for them, and how many they write where there is work for all.
    public static func scalars(
        for network: Sequential, batch: Int, threads: Int, slices: Int? = nil
    ) -> (allocated: Int, largest: Int, written: Int, usual: Int) {
        let rooms = Rooms(network, batch: batch, threads: threads, slices: slices)
        let parts = [rooms.scratch, threads * rooms.factorsOfThread, rooms.gradients, rooms.backward]
        let gradients = network.linears.map { linear in
            linear.outputs
                * min(
                    threads * ColumnGroups<Scalar>.width,
                    PackedMatrix<Scalar>.panelCount(linear.inputs) * PackedMatrix<Scalar>.panelWidth)
        }
        let written = rooms.scratch + (batch == 0 ? 0 : gradients.max() ?? 0) + rooms.backward
        return (
            allocated: parts.reduce(0, +), largest: parts.max() ?? 0, written: written,
            usual: written + (batch == 0 ? 0 : threads * rooms.factorsOfThread)
        )
    }

    /// Packs the weights of all layers.
    public func packWeights(_ parameters: Vector<Scalar>) {
        for linear in linears { weightsChanged(of: linear, parameters, columns: 0..<linear.inputs) }
    }

    /// Packs some columns of W.
    public func weightsChanged(of linear: Linear, _ parameters: Vector<Scalar>, columns: Range<Int>) {
        packed(linear).pack(transposeOf: linear.weightMatrix(parameters), columns: columns)
    }

    /// Weights that are numbers have no scales.
    public func requantize() -> Linear? { nil }

    /// Y = X Wᵀ + 1 bᵀ from the packed W, rows shared out.
    public func forward(
        _ linear: Linear, _ x: BatchInput<Scalar>, parameters: Vector<Scalar>, into y: Matrix<Scalar>
    ) {
        groups.share(
            x.rows, work: x.rows * linear.inputs * linear.outputs,
            Forward(products: self, x: x, weight: packed(linear), bias: parameters[linear.bias], y: y))
    }

    private struct Forward: PartTask {
        let products: PackedProducts
        let x: BatchInput<Scalar>
        let weight: PackedMatrix<Scalar>
        let bias: Vector<Scalar>
        let y: Matrix<Scalar>

        func callAsFunction(_ task: Int, _ rows: Range<Int>) {
            let (part, scratch) = (y[rows: rows], products.scratch(task))
            switch x[rows: rows] {
            case .numbers(let x): part.gemm(StridedMatrix(x), weight, scratch: scratch)
            case .pixels(let x): part.gemm(x, weight, scratch: scratch)
            }
            part.addBias(bias)
        }
    }

    /// ∂L/∂X = ∂L/∂Y W, panels of columns shared out to the team.
    public func inputGradient(
        of linear: Linear, dy: Matrix<Scalar>, parameters: Vector<Scalar>, into dx: Matrix<Scalar>
    ) {
        groups.share(
            PackedMatrix<Scalar>.panelCount(linear.inputs),
            work: dy.rows * linear.inputs * linear.outputs,
            InputGradient(products: self, weight: linear.weightMatrix(parameters), dy: dy, dx: dx))
    }

    private struct InputGradient: PartTask {
        let products: PackedProducts
        let weight: Matrix<Scalar>
        let dy: Matrix<Scalar>
        let dx: Matrix<Scalar>

        func callAsFunction(_ task: Int, _ panels: Range<Int>) {
            let width = PackedMatrix<Scalar>.panelWidth
            let columns = panels.lowerBound * width..<min(panels.upperBound * width, weight.columns)
            let room = products.backward.vector
            let right = PackedMatrix(
                room[columns.lowerBound * weight.rows..<room.count], rows: weight.rows,
                columns: columns.count)
            right.pack(StridedMatrix(weight, columns: columns))
            dx.gemm(StridedMatrix(dy), right, at: columns.lowerBound, scratch: products.scratch(task))
        }
    }

    /// Computes some panels of columns of ∂L/∂W = (∂L/∂Y)ᵀ X, a group of columns at a time.
    ///
    /// - Parameters:
    ///   - linear: The layer.
    ///   - x: X [B, M].
    ///   - dy: ∂L/∂Y [B, N].
    ///   - panels: The panels, of `PackedMatrix.panelWidth` columns each.
    ///   - body: Called with ranges of columns and their gradient [N, columns], which is gone afterwards.
    public func weightGradient(
        of linear: Linear, x: FactorInput<Scalar>, dy: FactorInput<Scalar>, panels: Range<Int>,
        _ body: some ColumnTask<Scalar>
    ) {
        prepareGradient(of: linear, x, dy)
        groups.share(
            units(panels.count),
            work: batch * panels.count * linear.outputs * PackedMatrix<Scalar>.panelWidth,
            GradientGroups(products: self, linear: linear, x: x, dy: dy, panels: panels, body: body))
    }

    /// The same with a closure, for which Swift allocates: for whatever is not done in every step.
    public func weightGradient(
        of linear: Linear, x: FactorInput<Scalar>, dy: StridedMatrix<Scalar>, panels: Range<Int>,
        _ body: (_ columns: Range<Int>, _ gradient: Matrix<Scalar>) -> Void
    ) {
        withoutActuallyEscaping(body) {
            weightGradient(of: linear, x: x, dy: .numbers(dy), panels: panels, ColumnClosure(body: $0))
        }
    }

    private struct GradientGroups<Body: ColumnTask<Scalar>>: PartTask {
        let products: PackedProducts
        let linear: Linear
        let x: FactorInput<Scalar>
        let dy: FactorInput<Scalar>
        let panels: Range<Int>
        let body: Body

        func callAsFunction(_ task: Int, _ part: Range<Int>) {
            let part = part.inUnits(of: products.panelsAtOnce, upTo: panels.count)
            ColumnGroups<Scalar>.forEach(in: panels, part, columns: linear.inputs) { columns in
                let room = products.groups.room(task, rows: linear.outputs, columns: columns.count)
                products.computeGradient(task, of: linear, x, dy, columns: columns, into: room, at: 0)
                body(columns, room)
            }
        }
    }

    /// ∂L/∂W = (∂L/∂Y)ᵀ X, groups of columns shared out to the team.
    public func weightGradient(
        of linear: Linear, x: FactorInput<Scalar>, dy: FactorInput<Scalar>,
        into gradient: Matrix<Scalar>
    ) {
        let panels = PackedMatrix<Scalar>.panelCount(linear.inputs)
        prepareGradient(of: linear, x, dy)
        groups.share(
            panels, work: batch * panels * linear.outputs * PackedMatrix<Scalar>.panelWidth,
            WholeGradient(products: self, linear: linear, x: x, dy: dy, gradient: gradient))
    }

    private struct WholeGradient: PartTask {
        let products: PackedProducts
        let linear: Linear
        let x: FactorInput<Scalar>
        let dy: FactorInput<Scalar>
        let gradient: Matrix<Scalar>

        func callAsFunction(_ task: Int, _ part: Range<Int>) {
            ColumnGroups<Scalar>.forEach(in: 0..<part.upperBound, part, columns: gradient.columns) {
                products.computeGradient(
                    task, of: linear, x, dy, columns: $0, into: gradient, at: $0.lowerBound)
            }
        }
    }

    /// Shares the columns out to the team.
    public func forEachGroup(of linear: Linear, panels: Range<Int>, _ body: some ColumnTask<Scalar>) {
        groups.forEach(of: linear, panels: panels, atOnce: panelsAtOnce, body)
    }

    /// Panels are packed one by one.
    public var panelsAtOnce: Int { 1 }

    /// X itself.
    public func factor(of linear: Linear, _ x: BatchInput<Scalar>) -> FactorInput<Scalar> { FactorInput(x) }

    /// ∂L/∂Y itself.
    public func outputFactor(of linear: Linear, _ dy: Matrix<Scalar>) -> FactorInput<Scalar> {
        .numbers(StridedMatrix(dy))
    }

    /// What the factors of a layer's weight gradient come as.
    public func factorFormat(of linear: Linear) -> FactorFormat { .numbers }

    private func units(_ panels: Int) -> Int { (panels + panelsAtOnce - 1) / panelsAtOnce }

    /// About how many multiply-adds of a weight gradient this rank computes in a second, as tried now.
    ///
    /// - Throws: `AllocationError`.
    public func multiplicationsPerSecond() throws(AllocationError) -> Double {
        let memory = try AlignedBuffer<Scalar>(allocating: batch * widest)
        let dy = memory.matrix(rows: batch, columns: widest)
        let right = PackedMatrix(factors.vector, rows: batch, columns: ColumnGroups<Scalar>.width)
        let gradient = groups.room(0, rows: widest, columns: ColumnGroups<Scalar>.width)
        let clock = ContinuousClock()
        var fastest = Duration.seconds(3600)
        for _ in 0..<3 {
            let start = clock.now
            gradient.gemm(transposeOf: StridedMatrix(dy), right, scratch: scratch(0))
            fastest = min(fastest, clock.now - start)
        }
        let seconds: Double = fastest / .seconds(1)
        return Double(batch * widest * ColumnGroups<Scalar>.width * team.threadCount) / seconds
    }

    private func packed(_ linear: Linear) -> PackedMatrix<Scalar> {
        guard let packed = weights[linear.index] else {
            preconditionFailure("no numbers of linear layer \(linear.index)")
        }
        return packed
    }

    /// Called before the columns of a weight gradient are computed.
    func prepareGradient(
        of linear: Linear, _ x: FactorInput<Scalar>, _ dy: FactorInput<Scalar>
    ) {}

    /// Computes some columns of a weight gradient.
    func computeGradient(
        _ task: Int, of linear: Linear, _ x: FactorInput<Scalar>, _ dy: FactorInput<Scalar>,
        columns: Range<Int>, into gradient: Matrix<Scalar>, at first: Int
    ) {
        let dy = dy.numbers
        let right = PackedMatrix(factorRoom(task), rows: dy.rows, columns: columns.count)
        switch x {
        case .numbers(let x): right.pack(x[columns: columns])
        case .pixels(let x): right.pack(x, columns: columns)
        case .bytes, .bfloat16: preconditionFailure("a factor without products of its kind")
        }
        gradient.gemm(transposeOf: dy, right, at: first, scratch: scratch(task))
    }

    /// Where a thread packs the right factor of a weight gradient.
    func factorRoom(_ task: Int) -> Vector<Scalar> {
        factors.vector[task * factorCount..<(task + 1) * factorCount]
    }

    /// What a thread's product works in.
    func scratch(_ task: Int) -> Vector<Scalar> {
        scratch.vector[task * Scalar.gemmScratch..<(task + 1) * Scalar.gemmScratch]
    }
}
