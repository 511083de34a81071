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
    ///   - x: X [B, M].
    ///   - dy: ∂L/∂Y [B, N].
    ///   - gradient: ∂L/∂W [N, M], overwritten.
    func weightGradient(
        of linear: Linear, x: FactorInput<Scalar>, dy: StridedMatrix<Scalar>, into gradient: Matrix<Scalar>)

    /// Calls `body`, on any thread, with ranges of columns that make up some panels of a layer's W [N, M], and a
    /// matrix [N, columns] to work in.
    func forEachGroup(
        of linear: Linear, panels: Range<Int>, _ body: (_ columns: Range<Int>, _ room: Matrix<Scalar>) -> Void
    )

    /// Takes over the weights of all layers, for all ranks that share memory.
    func packWeights(_ parameters: Vector<Scalar>)

    /// Takes over some columns of a layer's W [N, M] after they have changed.
    func weightsChanged(of linear: Linear, _ parameters: Vector<Scalar>, columns: Range<Int>)

    /// Finds the scales in which weights as integers are counted from here on, after all ranks' weights have changed.
    ///
    /// - Returns: The layer whose columns every rank has to take over once more, as its scales are others than before.
    func requantize() -> Linear?
}

extension MatrixProducts {
    /// A backend that reads the parameters themselves has nothing to take over.
    public func packWeights(_ parameters: Vector<Scalar>) {}

    /// A backend that reads the parameters themselves has nothing to take over.
    public func weightsChanged(of linear: Linear, _ parameters: Vector<Scalar>, columns: Range<Int>) {}

    /// Weights that are numbers have no scales.
    public func requantize() -> Linear? { nil }
}

/// The right factor X [B, M] of a weight gradient (∂L/∂Y)ᵀ X, over all rows of a batch.
public enum FactorInput<Scalar: TensorScalar>: Sendable {
    /// Numbers, some columns of a wider matrix.
    case numbers(StridedMatrix<Scalar>)
    /// Pixels that stand for numbers.
    case pixels(PixelMatrix<Scalar>)

    /// The same batch as a factor.
    public init(_ input: BatchInput<Scalar>) {
        switch input {
        case .numbers(let x): self = .numbers(StridedMatrix(x))
        case .pixels(let x): self = .pixels(x)
        }
    }
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

    /// Calls `body` with the groups of some panels of `columns` columns, on any thread.
    func forEach(
        in panels: Range<Int>, columns: Int, work: Int, _ body: (_ task: Int, _ columns: Range<Int>) -> Void
    ) {
        let width = PackedMatrix<Scalar>.panelWidth
        share(panels.count, work: work * width) { task, part in
            let end = min((panels.lowerBound + part.upperBound) * width, columns)
            for start in stride(
                from: (panels.lowerBound + part.lowerBound) * width, to: end, by: Self.width)
            {
                body(task, start..<min(start + Self.width, end))
            }
        }
    }

    /// Divides `0..<count` among the threads.
    func share(_ count: Int, work: Int, _ body: (_ task: Int, _ part: Range<Int>) -> Void) {
        let tasks = work < Self.leastShared ? 1 : min(team.threadCount, count)
        team.run(tasks) { task in
            body(task, task * count / tasks..<(task + 1) * count / tasks)
        }
    }

    /// A thread's room for the gradient of a group.
    func room(_ task: Int, rows: Int, columns: Int) -> Matrix<Scalar> {
        let start = task * widest * Self.width
        return rooms.vector[start..<start + rows * columns].matrix(rows: rows, columns: columns)
    }
}
