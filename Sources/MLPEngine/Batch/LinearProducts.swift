public import Tensors

/// The matrix products of a network's linear modules, spread over the threads of one rank, with everything that they work
/// in; after its making it allocates nothing.
///
/// Weights are used packed for the forward pass; whoever changes them packs them again. Every entry of every product is
/// summed in one order, so no division among threads or ranks changes a bit.
public final class LinearProducts<Scalar: TensorScalar> {
    /// The columns of a weight gradient that are computed at once, so that its factors are read often while they are in
    /// the cache.
    public static var groupWidth: Int { 8 * PackedMatrix<Scalar>.panelWidth }

    /// The threads, the caller's included.
    public let team: WorkerTeam

    private let linears: [Linear]
    private let weights: [PackedMatrix<Scalar>]
    /// For each thread what products work in, the right factor of a weight gradient, and the gradient.
    private let scratch: AlignedBuffer<Scalar>
    private let factors: AlignedBuffer<Scalar>
    private let gradients: AlignedBuffer<Scalar>
    /// The weights of one module, packed for the way back.
    private let backward: AlignedBuffer<Scalar>
    private let batch: Int
    private let widest: Int

    /// Products below this number of multiplications are not worth waking threads for.
    private static var leastShared: Int { 1 << 18 }

    /// The scalars that the packed weights of `network` take.
    public static func packedCount(_ network: Sequential) -> Int {
        network.linears.reduce(0) {
            $0 + PackedMatrix<Scalar>.count(rows: $1.inputs, columns: $1.outputs)
        }
    }

    /// Makes room for products.
    ///
    /// - Parameters:
    ///   - network: The network.
    ///   - batch: The rows of a global batch, over which weight gradients are summed; 0 where none are computed.
    ///   - packed: ``packedCount(_:)`` scalars for the packed weights; others may have packed them.
    ///   - threads: The threads that share a product.
    public init(_ network: Sequential, batch: Int, packed: Vector<Scalar>, threads: Int) {
        self.batch = batch
        team = WorkerTeam(threadCount: threads)
        linears = network.linears
        var start = 0
        weights = linears.map { module in
            let count = PackedMatrix<Scalar>.count(rows: module.inputs, columns: module.outputs)
            defer { start += count }
            return PackedMatrix(
                packed[start..<start + count], rows: module.inputs, columns: module.outputs)
        }
        widest = linears.map(\.outputs).max() ?? 0
        scratch = AlignedBuffer(repeating: 0, count: threads * Scalar.productScratch)
        factors = AlignedBuffer(zeroed: threads * batch * Self.groupWidth)
        gradients = AlignedBuffer(zeroed: batch == 0 ? 0 : threads * widest * Self.groupWidth)
        // Nobody asks for the gradient of the network's input.
        let largest = linears.dropFirst().map {
            PackedMatrix<Scalar>.count(rows: $0.outputs, columns: $0.inputs)
        }
        backward = AlignedBuffer(zeroed: batch == 0 ? 0 : largest.max() ?? 0)
    }

    /// Packs the weights of all modules.
    public func packWeights(_ parameters: Vector<Scalar>) {
        for module in linears { packWeights(of: module, parameters, columns: 0..<module.inputs) }
    }

    /// Packs some columns of a module's W [N, M] after they have changed.
    public func packWeights(of module: Linear, _ parameters: Vector<Scalar>, columns: Range<Int>) {
        packed(module).pack(
            transposeOf: parameters[module.weight].matrix(rows: module.outputs, columns: module.inputs),
            columns: columns)
    }

    /// Computes Y = X Wᵀ + 1 bᵀ from the packed W.
    ///
    /// - Parameters:
    ///   - module: The module.
    ///   - x: X [S, M].
    ///   - parameters: The flat parameters, for b.
    ///   - y: Y [S, N], overwritten.
    public func forward(
        _ module: Linear, _ x: BatchInput<Scalar>, parameters: Vector<Scalar>, into y: Matrix<Scalar>
    ) {
        let (weight, bias) = (packed(module), parameters[module.bias])
        forEachPart(of: x.rows, work: x.rows * module.inputs * module.outputs) { task, rows in
            let (part, scratch) = (y[rows: rows], scratch(task))
            switch x[rows: rows] {
            case .numbers(let x): part.setProduct(StridedMatrix(x), weight, scratch: scratch)
            case .pixels(let x): part.setProduct(x, weight, scratch: scratch)
            }
            part.addBias(bias)
        }
    }

    /// Computes ∂L/∂X = ∂L/∂Y W.
    ///
    /// - Parameters:
    ///   - module: The module; not the network's first.
    ///   - dy: ∂L/∂Y [S, N].
    ///   - parameters: The flat parameters.
    ///   - dx: ∂L/∂X [S, M], overwritten.
    public func inputGradient(
        of module: Linear, dy: Matrix<Scalar>, parameters: Vector<Scalar>, into dx: Matrix<Scalar>
    ) {
        let weight = parameters[module.weight].matrix(rows: module.outputs, columns: module.inputs)
        let width = PackedMatrix<Scalar>.panelWidth
        let panels = PackedMatrix<Scalar>.panelCount(module.inputs)
        forEachPart(of: panels, work: dy.rows * module.inputs * module.outputs) { task, panels in
            let columns = panels.lowerBound * width..<min(panels.upperBound * width, module.inputs)
            let start = columns.lowerBound * module.outputs
            let right = PackedMatrix(
                backward.vector[start..<backward.count], rows: module.outputs, columns: columns.count)
            right.pack(StridedMatrix(weight, columns: columns))
            dx.setProduct(StridedMatrix(dy), right, at: columns.lowerBound, scratch: scratch(task))
        }
    }

    /// Computes some columns of ∂L/∂W = (∂L/∂Y)ᵀ X over a global batch of B rows, up to ``groupWidth`` at once.
    ///
    /// - Parameters:
    ///   - module: The module.
    ///   - x: X [B, M].
    ///   - dy: ∂L/∂Y [B, N].
    ///   - panels: The panels of columns to compute.
    ///   - body: Called with the columns and their gradient [N, columns], on any thread.
    public func weightGradient(
        of module: Linear, x: FactorInput<Scalar>, dy: StridedMatrix<Scalar>, panels: Range<Int>,
        _ body: (_ columns: Range<Int>, _ gradient: Matrix<Scalar>) -> Void
    ) {
        forEachGroup(
            of: panels, columns: module.inputs, work: dy.rows * panels.count * module.outputs
        ) { task, columns in
            let gradient = gradient(task, rows: module.outputs, columns: columns.count)
            gradient.setProduct(
                transposeOf: dy, factor(task, x, rows: dy.rows, columns: columns), scratch: scratch(task))
            body(columns, gradient)
        }
    }

    /// Computes ∂L/∂W = (∂L/∂Y)ᵀ X over this pass's rows.
    ///
    /// - Parameters:
    ///   - module: The module.
    ///   - x: X [S, M].
    ///   - dy: ∂L/∂Y [S, N].
    ///   - gradient: ∂L/∂W [N, M], overwritten.
    public func weightGradient(
        of module: Linear, x: FactorInput<Scalar>, dy: StridedMatrix<Scalar>, into gradient: Matrix<Scalar>
    ) {
        let panels = 0..<PackedMatrix<Scalar>.panelCount(module.inputs)
        forEachGroup(
            of: panels, columns: module.inputs, work: dy.rows * panels.count * module.outputs
        ) { task, columns in
            gradient.setProduct(
                transposeOf: dy, factor(task, x, rows: dy.rows, columns: columns), at: columns.lowerBound,
                scratch: scratch(task))
        }
    }

    /// Calls `body` with ranges of up to ``groupWidth`` columns that make up some panels of a module's W [N, M], and a
    /// matrix [N, columns] to work in, on any thread.
    public func forEachGroup(
        of module: Linear, panels: Range<Int>, _ body: (_ columns: Range<Int>, _ room: Matrix<Scalar>) -> Void
    ) {
        forEachGroup(of: panels, columns: module.inputs, work: panels.count * module.outputs) {
            task, columns in
            body(columns, gradient(task, rows: module.outputs, columns: columns.count))
        }
    }

    /// About how many multiply-adds of a weight gradient this rank computes in a second, as tried now.
    public func multiplicationsPerSecond() -> Double {
        let memory = AlignedBuffer<Scalar>(zeroed: batch * widest)
        let dy = memory.matrix(rows: batch, columns: widest)
        let right = PackedMatrix(factors.vector, rows: batch, columns: Self.groupWidth)
        let gradient = gradient(0, rows: widest, columns: Self.groupWidth)
        let clock = ContinuousClock()
        var fastest = Duration.seconds(3600)
        for _ in 0..<3 {
            let start = clock.now
            gradient.setProduct(transposeOf: StridedMatrix(dy), right, scratch: scratch(0))
            fastest = min(fastest, clock.now - start)
        }
        return Double(batch * widest * Self.groupWidth * team.threadCount) / (fastest / .seconds(1))
    }

    private func forEachGroup(
        of panels: Range<Int>, columns: Int, work: Int, _ body: (_ task: Int, _ columns: Range<Int>) -> Void
    ) {
        let width = PackedMatrix<Scalar>.panelWidth
        forEachPart(of: panels.count, work: work * width) { task, part in
            let end = min((panels.lowerBound + part.upperBound) * width, columns)
            for start in stride(
                from: (panels.lowerBound + part.lowerBound) * width, to: end, by: Self.groupWidth)
            {
                body(task, start..<min(start + Self.groupWidth, end))
            }
        }
    }

    /// Divides `0..<count` among the threads.
    private func forEachPart(of count: Int, work: Int, _ body: (_ task: Int, _ part: Range<Int>) -> Void) {
        let tasks = work < Self.leastShared ? 1 : min(team.threadCount, count)
        team.run(tasks) { task in
            body(task, task * count / tasks..<(task + 1) * count / tasks)
        }
    }

    private func packed(_ module: Linear) -> PackedMatrix<Scalar> {
        guard let index = linears.firstIndex(where: { $0.weight.lowerBound == module.weight.lowerBound })
        else { preconditionFailure("a module of another network") }
        return weights[index]
    }

    /// Some columns of the right factor of a weight gradient, packed.
    private func factor(
        _ task: Int, _ x: FactorInput<Scalar>, rows: Int, columns: Range<Int>
    ) -> PackedMatrix<Scalar> {
        let start = task * batch * Self.groupWidth
        let right = PackedMatrix(
            factors.vector[start..<start + batch * Self.groupWidth], rows: rows, columns: columns.count)
        switch x {
        case .numbers(let x): right.pack(x[columns: columns])
        case .pixels(let x): right.pack(x, columns: columns)
        }
        return right
    }

    private func scratch(_ task: Int) -> Vector<Scalar> {
        scratch.vector[task * Scalar.productScratch..<(task + 1) * Scalar.productScratch]
    }

    private func gradient(_ task: Int, rows: Int, columns: Int) -> Matrix<Scalar> {
        let start = task * widest * Self.groupWidth
        return gradients.vector[start..<start + rows * columns].matrix(rows: rows, columns: columns)
    }
}
