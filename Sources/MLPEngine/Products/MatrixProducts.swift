public import Tensors

/// A backend of the matrix products of a network's linear layers, on the threads of one rank. After its making it allocates
/// nothing.
///
/// It may keep the weights in a form of its own beside the flat parameters, in memory that ranks share; whoever changes
/// parameters calls ``weightsChanged(of:_:columns:)``.
public protocol MatrixProducts<Scalar>: AnyObject {
    /// What it computes with.
    associatedtype Scalar: TensorScalar

    /// The threads, the caller's included.
    var team: WorkerTeam { get }

    /// Computes Y = X Wᵀ + 1 bᵀ.
    ///
    /// - Parameters:
    ///   - linear: The layer.
    ///   - x: X [S, M].
    ///   - parameters: The flat parameters.
    ///   - y: Y [S, N], overwritten.
    func forward(
        _ linear: Linear, _ x: BatchInput<Scalar>, parameters: Vector<Scalar>, into y: Matrix<Scalar>)

    /// Computes ∂L/∂X = ∂L/∂Y W.
    ///
    /// - Parameters:
    ///   - linear: The layer.
    ///   - dy: ∂L/∂Y [S, N].
    ///   - parameters: The flat parameters.
    ///   - dx: ∂L/∂X [S, M], overwritten.
    func inputGradient(
        of linear: Linear, dy: Matrix<Scalar>, parameters: Vector<Scalar>, into dx: Matrix<Scalar>)

    /// Computes ∂L/∂W = (∂L/∂Y)ᵀ X.
    ///
    /// - Parameters:
    ///   - linear: The layer.
    ///   - x: X [B, M], as ``factor(of:_:)`` gives it.
    ///   - dy: ∂L/∂Y [B, N], as ``outputFactor(of:_:)`` gives it.
    ///   - gradient: ∂L/∂W [N, M], overwritten.
    func weightGradient(
        of linear: Linear, x: FactorInput<Scalar>, dy: FactorInput<Scalar>,
        into gradient: Matrix<Scalar>)

    /// Computes some panels of columns of ∂L/∂W = (∂L/∂Y)ᵀ X, a group of columns at a time.
    ///
    /// - Parameters:
    ///   - linear: The layer.
    ///   - x: X [B, M].
    ///   - dy: ∂L/∂Y [B, N].
    ///   - panels: The panels, of `PackedMatrix.panelWidth` columns each.
    ///   - body: Called with ranges of columns and their gradient [N, columns], which is gone afterwards.
    func weightGradient(
        of linear: Linear, x: FactorInput<Scalar>, dy: FactorInput<Scalar>, panels: Range<Int>,
        _ body: some ColumnTask<Scalar>)

    /// The panels of a weight matrix's columns that belong together: multiples of this are where ranks and threads divide it.
    var panelsAtOnce: Int { get }

    /// X of the last forward pass as ``weightGradient(of:x:dy:into:)`` takes it.
    func factor(of linear: Linear, _ x: BatchInput<Scalar>) -> FactorInput<Scalar>

    /// ∂L/∂Y of the backward pass at hand as ``weightGradient(of:x:dy:into:)`` takes it; the input gradient that is asked for
    /// next is of the same ∂L/∂Y.
    func outputFactor(of linear: Linear, _ dy: Matrix<Scalar>) -> FactorInput<Scalar>

    /// Does `body` for ranges of columns that make up some panels of a layer's W [N, M], with a matrix [N, columns] to work
    /// in.
    func forEachGroup(of linear: Linear, panels: Range<Int>, _ body: some ColumnTask<Scalar>)

    /// Takes over the weights of all layers, for all ranks that share memory.
    func packWeights(_ parameters: Vector<Scalar>)

    /// Takes over some columns of a layer's W [N, M] after they have changed.
    func weightsChanged(of linear: Linear, _ parameters: Vector<Scalar>, columns: Range<Int>)

    /// Finds the scales in which weights as integers are counted from here on, after all ranks' weights have changed.
    ///
    /// - Returns: The layer whose columns every rank has to take over once more, as its scales are others than before.
    func requantize() -> Linear?
}

/// What is done with some columns of a weight matrix [N, M], on any thread: with their gradient, or with a matrix [N,
/// columns] to work in. A value, so that nothing is allocated for it in a step.
public protocol ColumnTask<Scalar> {
    /// The numbers of the matrix.
    associatedtype Scalar: TensorScalar
    /// Does it for `columns`.
    func callAsFunction(_ columns: Range<Int>, _ room: Matrix<Scalar>)
}

/// A column task that is a closure.
struct ColumnClosure<Scalar: TensorScalar>: ColumnTask {
    let body: (Range<Int>, Matrix<Scalar>) -> Void

    func callAsFunction(_ columns: Range<Int>, _ room: Matrix<Scalar>) { body(columns, room) }
}

extension MatrixProducts {
    /// The same with a closure, for which Swift allocates: for whatever is not done in every step.
    public func forEachGroup(
        of linear: Linear, panels: Range<Int>,
        _ body: (_ columns: Range<Int>, _ room: Matrix<Scalar>) -> Void
    ) {
        withoutActuallyEscaping(body) {
            forEachGroup(of: linear, panels: panels, ColumnClosure(body: $0))
        }
    }

    /// Panels of numbers are independent of one another.
    public var panelsAtOnce: Int { 1 }

    /// X itself.
    public func factor(of linear: Linear, _ x: BatchInput<Scalar>) -> FactorInput<Scalar> { FactorInput(x) }

    /// ∂L/∂Y itself.
    public func outputFactor(of linear: Linear, _ dy: Matrix<Scalar>) -> FactorInput<Scalar> {
        .numbers(StridedMatrix(dy))
    }

    /// The weight gradient of ∂L/∂Y that is numbers.
    public func weightGradient(
        of linear: Linear, x: FactorInput<Scalar>, dy: StridedMatrix<Scalar>,
        into gradient: Matrix<Scalar>
    ) {
        weightGradient(of: linear, x: x, dy: .numbers(dy), into: gradient)
    }

    /// A backend that reads the parameters themselves has nothing to take over.
    public func packWeights(_ parameters: Vector<Scalar>) {}

    /// A backend that reads the parameters themselves has nothing to take over.
    public func weightsChanged(of linear: Linear, _ parameters: Vector<Scalar>, columns: Range<Int>) {
    }

    /// Weights that are numbers have no scales.
    public func requantize() -> Linear? { nil }
}

/// A factor of a weight gradient (∂L/∂Y)ᵀ X, over all rows of a batch: X [B, M], or ∂L/∂Y [B, N].
public enum FactorInput<Scalar: TensorScalar>: Sendable {
    /// Numbers, some columns of a wider matrix.
    case numbers(StridedMatrix<Scalar>)
    /// Pixels that stand for numbers.
    case pixels(PixelMatrix<Scalar>)
    /// Bytes that stand for numbers, in products of bytes.
    case bytes(ByteRows)
    /// Numbers that have been rounded.
    case bfloat16(BFloat16Rows)

    /// The same batch as a factor.
    public init(_ input: BatchInput<Scalar>) {
        switch input {
        case .numbers(let x): self = .numbers(StridedMatrix(x))
        case .pixels(let x): self = .pixels(x)
        }
    }

    /// The rows in `range`.
    public subscript(rows range: Range<Int>) -> FactorInput {
        switch self {
        case .numbers(let x): .numbers(x[rows: range])
        case .pixels(let x): .pixels(x[rows: range])
        case .bytes(let x): .bytes(x[rows: range])
        case .bfloat16(let x): .bfloat16(x[rows: range])
        }
    }

    /// The factor as numbers, which ∂L/∂Y is of all layers whose products round no other way.
    var numbers: StridedMatrix<Scalar> {
        guard case .numbers(let matrix) = self else { preconditionFailure("a factor that is no numbers") }
        return matrix
    }

    /// The sums of ∂L/∂Y's columns, ∂L/∂b, rows added from first to last.
    public func sumColumns(into sums: Vector<Scalar>) {
        if case .bfloat16(let rows) = self, let sums = sums as? Vector<Float> {
            rows.sumColumns(into: sums)
        } else {
            numbers.sumColumns(into: sums)
        }
    }
}

/// What the factors of a layer's weight gradient stand as where they are kept.
public enum FactorFormat: Sendable {
    /// Both as numbers.
    case numbers
    /// X as bytes.
    case bytes
    /// Both as bfloat16 numbers.
    case bfloat16
}

/// Threads that share out the columns of a weight matrix in groups, each with room for a group's gradient.
final class ColumnGroups<Scalar: TensorScalar> {
    /// The columns of a group, so that the factors of a gradient are read often while they are in the cache.
    static var width: Int { 8 * PackedMatrix<Scalar>.panelWidth }

    /// Work below this number of multiplications is not worth waking threads for.
    private static var leastShared: Int { 1 << 18 }

    let team: WorkerTeam
    private let rooms: AlignedBuffer<Scalar>
    private let widest: Int

    /// The scalars that the rooms take.
    static func count(_ network: Sequential, threads: Int) -> Int {
        threads * (network.linears.map(\.outputs).max() ?? 0) * width
    }

    /// Makes rooms, or none for a network that is not trained.
    init(_ network: Sequential, isTrained: Bool, team: WorkerTeam) throws(AllocationError) {
        self.team = team
        widest = network.linears.map(\.outputs).max() ?? 0
        rooms = try AlignedBuffer(
            allocating: isTrained ? Self.count(network, threads: team.threadCount) : 0)
    }

    /// Does `body` for the groups of some panels of a layer's columns, each with its room.
    func forEach(
        of linear: Linear, panels: Range<Int>, atOnce: Int, _ body: some ColumnTask<Scalar>
    ) {
        share(
            (panels.count + atOnce - 1) / atOnce,
            work: panels.count * linear.outputs * PackedMatrix<Scalar>.panelWidth,
            InRooms(groups: self, linear: linear, panels: panels, atOnce: atOnce, body: body))
    }

    private struct InRooms<Body: ColumnTask<Scalar>>: PartTask {
        let groups: ColumnGroups
        let linear: Linear
        let panels: Range<Int>
        let atOnce: Int
        let body: Body

        func callAsFunction(_ task: Int, _ part: Range<Int>) {
            let part = part.inUnits(of: atOnce, upTo: panels.count)
            ColumnGroups.forEach(in: panels, part, columns: linear.inputs) { columns in
                body(columns, groups.room(task, rows: linear.outputs, columns: columns.count))
            }
        }
    }

    /// Calls `body` with the groups that a part of some panels of `columns` columns has.
    static func forEach(
        in panels: Range<Int>, _ part: Range<Int>, columns: Int, _ body: (_ columns: Range<Int>) -> Void
    ) {
        let panelWidth = PackedMatrix<Scalar>.panelWidth
        let end = min((panels.lowerBound + part.upperBound) * panelWidth, columns)
        for start in stride(
            from: (panels.lowerBound + part.lowerBound) * panelWidth, to: end, by: width)
        {
            body(start..<min(start + width, end))
        }
    }

    /// Divides `0..<count` among the threads.
    func share(_ count: Int, work: Int, _ part: some PartTask) {
        let tasks = work < Self.leastShared ? 1 : min(team.threadCount, count)
        team.run(tasks, Parts(count: count, tasks: tasks, part: part))
    }

    /// A thread's room for the gradient of a group.
    func room(_ task: Int, rows: Int, columns: Int) -> Matrix<Scalar> {
        let start = task * widest * Self.width
        return rooms.vector[start..<start + rows * columns].matrix(rows: rows, columns: columns)
    }
}

/// Work on a part of `0..<count` as task number `task`, on any thread.
protocol PartTask {
    func callAsFunction(_ task: Int, _ part: Range<Int>)
}

/// All parts of `0..<count`.
private struct Parts<Part: PartTask>: ParallelTask {
    let count: Int
    let tasks: Int
    let part: Part

    func callAsFunction(_ task: Int) { part(task, Range(part: task, of: tasks, dividing: count)) }
}

extension Range where Bound == Int {
    /// What these units of so many are, up to the last one, which may be smaller.
    package func inUnits(of count: Int, upTo end: Int) -> Range {
        Swift.min(lowerBound * count, end)..<Swift.min(upperBound * count, end)
    }
}
