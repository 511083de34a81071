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
    /// The first module's products with pixels, where they are taken in integers; its weights then are not in `weights`.
    private let pixels: PixelProducts?
    /// For each thread what products work in, the right factor of a weight gradient, and the gradient.
    private let scratch: AlignedBuffer<Scalar>
    private let factors: AlignedBuffer<Scalar>
    private let gradients: AlignedBuffer<Scalar>
    /// The weights of one module, packed for the way back.
    private let backward: AlignedBuffer<Scalar>
    private let batch: Int
    private let factorRoom: Int
    private let widest: Int

    /// Products below this number of multiplications are not worth waking threads for.
    private static var leastShared: Int { 1 << 18 }

    /// Makes room for products.
    ///
    /// - Parameters:
    ///   - network: The network.
    ///   - batch: The rows of a global batch, over which weight gradients are summed; 0 where none are computed.
    ///   - packed: The packed weights; others may have packed them.
    ///   - threads: The threads that share a product.
    /// - Throws: `AllocationError` or `ThreadError`.
    public convenience init(
        _ network: Sequential, batch: Int, packed: PackedWeights<Scalar>, threads: Int
    ) throws {
        try self.init(network, batch: batch, packed: packed, team: WorkerTeam(threadCount: threads))
    }

    /// Makes room for products.
    ///
    /// - Parameters:
    ///   - network: The network.
    ///   - batch: The rows of a global batch, over which weight gradients are summed; 0 where none are computed.
    ///   - packed: The packed weights; others may have packed them.
    ///   - team: The threads that share a product.
    /// - Throws: `AllocationError`.
    public init(
        _ network: Sequential, batch: Int, packed: PackedWeights<Scalar>, team: WorkerTeam
    ) throws(AllocationError) {
        self.batch = batch
        self.team = team
        let threads = team.threadCount
        linears = network.linears
        pixels = if let slices = packed.slices { try PixelProducts(slices, batch: batch) } else { nil }
        var start = 0
        weights = linears.dropFirst(packed.slices == nil ? 0 : 1).map { module in
            let count = PackedMatrix<Scalar>.count(rows: module.inputs, columns: module.outputs)
            defer { start += count }
            return PackedMatrix(
                packed.numbers[start..<start + count], rows: module.inputs, columns: module.outputs)
        }
        let rooms = Rooms(network, batch: batch, threads: threads)
        (widest, factorRoom) = (rooms.widest, rooms.factorsOfThread)
        scratch = try AlignedBuffer(allocating: rooms.scratch, filledWith: 0)
        factors = try AlignedBuffer(allocating: threads * factorRoom)
        gradients = try AlignedBuffer(allocating: rooms.gradients)
        backward = try AlignedBuffer(allocating: rooms.backward)
    }

    /// What products work in, in scalars.
    private struct Rooms {
        let widest: Int
        let scratch: Int
        let factorsOfThread: Int
        let gradients: Int
        let backward: Int

        init(_ network: Sequential, batch: Int, threads: Int) {
            let linears = network.linears
            widest = linears.map(\.outputs).max() ?? 0
            scratch = threads * Scalar.gemmScratch
            let pixelBytes = Int8Gradient.pixelCount(rows: batch, columns: groupWidth)
            factorsOfThread = max(batch * groupWidth, pixelBytes / MemoryLayout<Scalar>.stride)
            gradients = batch == 0 ? 0 : threads * widest * groupWidth
            // Nobody asks for the gradient of the network's input.
            let largest = linears.dropFirst().map {
                PackedMatrix<Scalar>.count(rows: $0.outputs, columns: $0.inputs)
            }
            backward = batch == 0 ? 0 : largest.max() ?? 0
        }
    }

    /// The scalars that products work in: how many are allocated, how many of them at once, and how many of them steps
    /// write at least, where there are more threads than work for them.
    public static func scalars(
        for network: Sequential, batch: Int, threads: Int
    ) -> (allocated: Int, largest: Int, written: Int) {
        let rooms = Rooms(network, batch: batch, threads: threads)
        let parts = [rooms.scratch, threads * rooms.factorsOfThread, rooms.gradients, rooms.backward]
        let gradients = network.linears.map { module in
            module.outputs
                * min(
                    threads * groupWidth,
                    PackedMatrix<Scalar>.panelCount(module.inputs) * PackedMatrix<Scalar>.panelWidth)
        }
        return (
            allocated: parts.reduce(0, +), largest: parts.max() ?? 0,
            written: rooms.scratch + (batch == 0 ? 0 : gradients.max() ?? 0) + rooms.backward
        )
    }

    /// Packs the weights of all modules, for whoever shares them.
    public func packWeights(_ parameters: Vector<Scalar>) {
        if let pixels, let matrix = matrix(linears[0], parameters).floats {
            pixels.weights.measure(matrix)
            _ = pixels.settle()
        }
        for module in linears { packWeights(of: module, parameters, columns: 0..<module.inputs) }
    }

    /// Finds the units in which the packed weights of all ranks have to be counted, after they have changed.
    ///
    /// - Returns: Whether every rank has to pack its columns of the first module once more.
    public func settle() -> Bool { pixels?.settle() ?? false }

    /// Packs some columns of a module's W [N, M] after they have changed.
    public func packWeights(of module: Linear, _ parameters: Vector<Scalar>, columns: Range<Int>) {
        let matrix = matrix(module, parameters)
        if let pixels, module == linears[0], let matrix = matrix.floats {
            pixels.pack(matrix, columns: columns)
        } else {
            packed(module).pack(transposeOf: matrix, columns: columns)
        }
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
        if let pixels, case .pixels(let x) = x, let x = x.floats, let y = y.floats,
            let weight = matrix(module, parameters).floats, let bias = parameters[module.bias].floats
        {
            pixels.prepare(x, bias: bias)
            return share(
                x.rows, work: x.rows * module.inputs * module.outputs,
                IntegerForward(pixels: pixels, x: x, weight: weight, bias: bias, y: y))
        }
        share(
            x.rows, work: x.rows * module.inputs * module.outputs,
            Forward(products: self, x: x, weight: packed(module), bias: parameters[module.bias], y: y))
    }

    private struct IntegerForward: PartTask {
        let pixels: PixelProducts
        let x: PixelMatrix<Float>
        let weight: Matrix<Float>
        let bias: Vector<Float>
        let y: Matrix<Float>

        func callAsFunction(_ task: Int, _ rows: Range<Int>) {
            pixels.forward(x[rows: rows], matrix: weight, bias: bias, into: y[rows: rows])
        }
    }

    private struct Forward: PartTask {
        let products: LinearProducts
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
        share(
            PackedMatrix<Scalar>.panelCount(module.inputs), work: dy.rows * module.inputs * module.outputs,
            InputGradient(products: self, weight: matrix(module, parameters), dy: dy, dx: dx))
    }

    private struct InputGradient: PartTask {
        let products: LinearProducts
        let weight: Matrix<Scalar>
        let dy: Matrix<Scalar>
        let dx: Matrix<Scalar>

        func callAsFunction(_ task: Int, _ panels: Range<Int>) {
            let width = PackedMatrix<Scalar>.panelWidth
            let columns = panels.lowerBound * width..<min(panels.upperBound * width, weight.columns)
            let start = columns.lowerBound * weight.rows
            let room = products.backward.vector
            let right = PackedMatrix(room[start..<room.count], rows: weight.rows, columns: columns.count)
            right.pack(StridedMatrix(weight, columns: columns))
            dx.gemm(StridedMatrix(dy), right, at: columns.lowerBound, scratch: products.scratch(task))
        }
    }

    /// Computes some columns of ∂L/∂W = (∂L/∂Y)ᵀ X over a global batch of B rows, up to ``groupWidth`` at once.
    ///
    /// - Parameters:
    ///   - module: The module.
    ///   - x: X [B, M].
    ///   - dy: ∂L/∂Y [B, N].
    ///   - panels: The panels of columns to compute.
    ///   - body: Called with the columns and their gradient [N, columns].
    public func weightGradient(
        of module: Linear, x: FactorInput<Scalar>, dy: StridedMatrix<Scalar>, panels: Range<Int>,
        _ body: some ColumnTask<Scalar>
    ) {
        prepare(x, dy)
        share(
            panels.count,
            work: dy.rows * panels.count * module.outputs * PackedMatrix<Scalar>.panelWidth,
            Groups(products: self, module: module, panels: panels, factors: (x, dy), body: body))
    }

    /// The same with a closure, for which Swift allocates: for whatever is not done in every step.
    public func weightGradient(
        of module: Linear, x: FactorInput<Scalar>, dy: StridedMatrix<Scalar>, panels: Range<Int>,
        _ body: (_ columns: Range<Int>, _ gradient: Matrix<Scalar>) -> Void
    ) {
        withoutActuallyEscaping(body) {
            weightGradient(of: module, x: x, dy: dy, panels: panels, ColumnClosure(body: $0))
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
        let panels = PackedMatrix<Scalar>.panelCount(module.inputs)
        prepare(x, dy)
        share(
            panels, work: dy.rows * panels * module.outputs * PackedMatrix<Scalar>.panelWidth,
            WholeGradient(products: self, x: x, dy: dy, gradient: gradient))
    }

    private struct WholeGradient: PartTask {
        let products: LinearProducts
        let x: FactorInput<Scalar>
        let dy: StridedMatrix<Scalar>
        let gradient: Matrix<Scalar>

        func callAsFunction(_ task: Int, _ part: Range<Int>) {
            LinearProducts.forEachGroup(of: part, columns: gradient.columns) {
                products.computeGradient(task, x, dy, columns: $0, into: gradient, at: $0.lowerBound)
            }
        }
    }

    /// Calls `body` with ranges of up to ``groupWidth`` columns that make up some panels of a module's W [N, M], and a
    /// matrix [N, columns] to work in, on any thread.
    public func forEachGroup(
        of module: Linear, panels: Range<Int>, _ body: some ColumnTask<Scalar>
    ) {
        share(
            panels.count, work: panels.count * module.outputs * PackedMatrix<Scalar>.panelWidth,
            Groups(products: self, module: module, panels: panels, factors: nil, body: body))
    }

    /// The same with a closure, for which Swift allocates: for whatever is not done in every step.
    public func forEachGroup(
        of module: Linear, panels: Range<Int>, _ body: (_ columns: Range<Int>, _ room: Matrix<Scalar>) -> Void
    ) {
        withoutActuallyEscaping(body) { forEachGroup(of: module, panels: panels, ColumnClosure(body: $0)) }
    }

    private struct Groups<Body: ColumnTask<Scalar>>: PartTask {
        let products: LinearProducts
        let module: Linear
        let panels: Range<Int>
        /// The factors of the gradient that stands in the room, if it is to be computed.
        let factors: (x: FactorInput<Scalar>, dy: StridedMatrix<Scalar>)?
        let body: Body

        func callAsFunction(_ task: Int, _ part: Range<Int>) {
            let part = panels.lowerBound + part.lowerBound..<panels.lowerBound + part.upperBound
            LinearProducts.forEachGroup(of: part, columns: module.inputs) { columns in
                let room = products.gradient(task, rows: module.outputs, columns: columns.count)
                if let (x, dy) = factors {
                    products.computeGradient(task, x, dy, columns: columns, into: room, at: 0)
                }
                body(columns, room)
            }
        }
    }

    /// About how many multiply-adds of a weight gradient this rank computes in a second, as tried now.
    ///
    /// - Throws: `AllocationError`.
    public func multiplicationsPerSecond() throws(AllocationError) -> Double {
        let memory = try AlignedBuffer<Scalar>(allocating: batch * widest)
        let dy = memory.matrix(rows: batch, columns: widest)
        let right = PackedMatrix(factors.vector, rows: batch, columns: Self.groupWidth)
        let gradient = gradient(0, rows: widest, columns: Self.groupWidth)
        let clock = ContinuousClock()
        var fastest = Duration.seconds(3600)
        for _ in 0..<3 {
            let start = clock.now
            gradient.gemm(transposeOf: StridedMatrix(dy), right, scratch: scratch(0))
            fastest = min(fastest, clock.now - start)
        }
        return Double(batch * widest * Self.groupWidth * team.threadCount) / (fastest / .seconds(1))
    }

    /// Calls `body` with ranges of up to ``groupWidth`` columns that make up some panels.
    private static func forEachGroup(
        of panels: Range<Int>, columns: Int, _ body: (_ columns: Range<Int>) -> Void
    ) {
        let width = PackedMatrix<Scalar>.panelWidth
        let end = min(panels.upperBound * width, columns)
        for start in stride(from: panels.lowerBound * width, to: end, by: groupWidth) {
            body(start..<min(start + groupWidth, end))
        }
    }

    /// Divides `0..<count` among the threads.
    private func share(_ count: Int, work: Int, _ part: some PartTask) {
        let tasks = work < Self.leastShared ? 1 : min(team.threadCount, count)
        team.run(tasks, Parts(count: count, tasks: tasks, part: part))
    }

    private func packed(_ module: Linear) -> PackedMatrix<Scalar> {
        guard let index = linears.firstIndex(where: { $0.weight.lowerBound == module.weight.lowerBound }),
            index >= linears.count - weights.count
        else { preconditionFailure("a module without packed numbers") }
        return weights[index - (linears.count - weights.count)]
    }

    private func prepare(_ x: FactorInput<Scalar>, _ dy: StridedMatrix<Scalar>) {
        guard let pixels, case .pixels(let x) = x, let x = x.floats, let dy = dy.floats else { return }
        pixels.prepare(dy, x)
    }

    /// Computes some columns of a weight gradient.
    private func computeGradient(
        _ task: Int, _ x: FactorInput<Scalar>, _ dy: StridedMatrix<Scalar>, columns: Range<Int>,
        into gradient: Matrix<Scalar>, at first: Int
    ) {
        let room = factors.vector[task * factorRoom..<(task + 1) * factorRoom]
        if let pixels, case .pixels(let x) = x, let x = x.floats, let gradient = gradient.floats {
            return pixels.gradient(x, columns: columns, at: first, into: gradient, room: room.bytes)
        }
        let right = PackedMatrix(room, rows: dy.rows, columns: columns.count)
        switch x {
        case .numbers(let x): right.pack(x[columns: columns])
        case .pixels(let x): right.pack(x, columns: columns)
        }
        gradient.gemm(transposeOf: dy, right, at: first, scratch: scratch(task))
    }

    private func matrix(_ module: Linear, _ parameters: Vector<Scalar>) -> Matrix<Scalar> {
        parameters[module.weight].matrix(rows: module.outputs, columns: module.inputs)
    }

    private func scratch(_ task: Int) -> Vector<Scalar> {
        scratch.vector[task * Scalar.gemmScratch..<(task + 1) * Scalar.gemmScratch]
    }

    private func gradient(_ task: Int, rows: Int, columns: Int) -> Matrix<Scalar> {
        let start = task * widest * Self.groupWidth
        return gradients.vector[start..<start + rows * columns].matrix(rows: rows, columns: columns)
    }
}

/// What is done with some columns of a matrix [N, M], on any thread: with their gradient, or with a matrix [N, columns] to
/// work in. A value, so that nothing is allocated for it in a step.
public protocol ColumnTask<Scalar> {
    /// The numbers of the matrix.
    associatedtype Scalar: TensorScalar
    /// Does it for `columns`.
    func callAsFunction(_ columns: Range<Int>, _ room: Matrix<Scalar>)
}

private struct ColumnClosure<Scalar: TensorScalar>: ColumnTask {
    let body: (Range<Int>, Matrix<Scalar>) -> Void

    func callAsFunction(_ columns: Range<Int>, _ room: Matrix<Scalar>) { body(columns, room) }
}

/// Work on a part of `0..<count`, by task number `task`, on any thread.
private protocol PartTask {
    func callAsFunction(_ task: Int, _ part: Range<Int>)
}

/// All parts of `0..<count`.
private struct Parts<Part: PartTask>: ParallelTask {
    let count: Int
    let tasks: Int
    let part: Part

    func callAsFunction(_ task: Int) { part(task, task * count / tasks..<(task + 1) * count / tasks) }
}
