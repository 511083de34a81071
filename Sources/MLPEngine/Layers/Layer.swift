public import Tensors

/// One layer of a network, between a batch X [S, M] and Y [S, N].
///
/// A layer is a value: shapes, and where its parameters, its activations and its column sums lie. Forward and backward
/// work in the ``Workspace`` of a ``Pass`` and allocate nothing. A new layer is one file: the formulas, a type like this,
/// and an extension of ``SequentialBuilder`` that appends it.
public protocol Layer: Sendable {
    /// What it is, for people, such as `linear` or `ELU(1)`.
    var kind: String { get }

    /// Computes Y.
    ///
    /// - Parameters:
    ///   - x: X, in a slot of the workspace or, for the first layer, the batch itself.
    ///   - pass: What the network computes in, and in training or evaluation.
    /// - Returns: Y, in a slot of the workspace.
    /// - Throws: In training with several ranks, what their collectives throw; every rank must then call it.
    func forward<Scalar: TensorScalar>(
        _ x: BatchInput<Scalar>, _ pass: Pass<Scalar>
    ) throws -> BatchInput<Scalar>

    /// Computes ∂L/∂X, and hands in what the gradients of this layer's parameters are made of.
    ///
    /// - Parameters:
    ///   - dy: ∂L/∂Y [S, N]; may be overwritten. Nil where nobody behind asks for a gradient.
    ///   - pass: That of the forward pass, in training.
    /// - Returns: ∂L/∂X [S, M], which may be `dy`'s own memory, or nil where nobody asks for it.
    /// - Throws: What the ranks' collectives throw; with several ranks every rank must call it.
    func backward<Scalar: TensorScalar>(
        _ dy: Matrix<Scalar>?, _ pass: Pass<Scalar>
    ) throws -> Matrix<Scalar>?
}

/// What one pass through a network works with: the batch, the parameters, memory, the backend of matrix products, and what
/// is different between training and evaluation.
public struct Pass<Scalar: TensorScalar> {
    /// Whether a pass trains or evaluates.
    public enum Mode {
        /// Batch norm takes the batch's statistics, and a backward pass follows.
        case training(Training)
        /// Batch norm takes these running statistics.
        case evaluation(runningStatistics: Vector<Scalar>)
    }

    /// What layers see of a step of training.
    public struct Training {
        /// Where parts and ranks come together.
        public let collectives: any BatchCollectives<Scalar>
        /// [P, statistics], a row of the statistics' layout for each part: batch norm writes the parts' mean and unbiased
        /// variance, or synchronised those of the whole batch into the first row.
        public let batchStatistics: Matrix<Scalar>
        /// The run's seed, and the steps taken before: with the row, what noise is keyed by.
        public let seed: UInt64
        /// The steps taken before this one.
        public let step: Int
        /// The place in the global batch of the pass's first row; the others follow.
        public let firstRow: Int
        /// ∂L/∂X of the batch [S, inputs] is written here, where anybody asks.
        public let inputGradient: Matrix<Scalar>?

        /// A step.
        public init(
            collectives: any BatchCollectives<Scalar>, batchStatistics: Matrix<Scalar>, seed: UInt64 = 0,
            step: Int = 0, firstRow: Int = 0, inputGradient: Matrix<Scalar>? = nil
        ) {
            self.collectives = collectives
            self.batchStatistics = batchStatistics
            self.seed = seed
            self.step = step
            self.firstRow = firstRow
            self.inputGradient = inputGradient
        }
    }

    /// X [S, inputs]; it is left as it is, and layers that read it read it again on the way back.
    public let batch: BatchInput<Scalar>
    /// The flat parameters.
    public let parameters: Vector<Scalar>
    /// Where layers keep what they need again. Its parts P divide S.
    public let workspace: Workspace<Scalar>
    /// The backend of matrix products.
    public let products: any MatrixProducts<Scalar>
    /// Training or evaluation.
    public let mode: Mode

    /// A pass.
    public init(
        _ batch: BatchInput<Scalar>, parameters: Vector<Scalar>, workspace: Workspace<Scalar>,
        products: any MatrixProducts<Scalar>, mode: Mode
    ) {
        self.batch = batch
        self.parameters = parameters
        self.workspace = workspace
        self.products = products
        self.mode = mode
    }

    /// The number of rows S.
    public var rows: Int { batch.rows }

    /// What belongs to training alone; only layers on their way back may ask.
    var training: Training {
        guard case .training(let training) = mode else {
            preconditionFailure("no backward pass in evaluation")
        }
        return training
    }

    /// The rows of a slot that this pass uses.
    func matrix(_ slot: Slot) -> Matrix<Scalar> { workspace.matrix(slot, rows: rows) }

    /// Room for a gradient [S, width] beside `gradient`, which is still read.
    func gradientRoom(width: Int, beside gradient: Matrix<Scalar>) -> Matrix<Scalar> {
        let (first, second) = workspace.gradients
        let slot = matrix(first).base == gradient.base ? second : first
        return workspace.matrix(Slot(offset: slot.offset, width: width), rows: rows)
    }
}

/// What goes into a layer: numbers [S, M], or bytes that stand for numbers, which only a linear layer takes as they are.
public enum BatchInput<Scalar: TensorScalar>: Sendable {
    /// X itself.
    case numbers(Matrix<Scalar>)
    /// X as bytes with an affine map.
    case pixels(PixelMatrix<Scalar>)

    /// The number of samples S.
    public var rows: Int {
        switch self {
        case .numbers(let x): x.rows
        case .pixels(let x): x.rows
        }
    }

    /// The number of inputs.
    public var columns: Int {
        switch self {
        case .numbers(let x): x.columns
        case .pixels(let x): x.columns
        }
    }

    /// The samples in `range`.
    public subscript(rows range: Range<Int>) -> BatchInput {
        switch self {
        case .numbers(let x): .numbers(x[rows: range])
        case .pixels(let x): .pixels(x[rows: range])
        }
    }

    /// X as numbers.
    var numbers: Matrix<Scalar> {
        guard case .numbers(let x) = self else { preconditionFailure("only a linear layer takes pixels") }
        return x
    }
}

/// A place in a ``Workspace`` for a matrix of up to `capacity` rows: `width` scalars a row, after `offset` scalars
/// a row of other slots.
struct Slot: Sendable, Hashable {
    let offset: Int
    let width: Int
}

/// A place in a ``Workspace`` for numbers that a layer keeps per column rather than per row: so many for each part of the
/// batch, and so many besides.
struct ColumnSlot: Sendable {
    let offset: (perPart: Int, fixed: Int)
    let perPart: Int
    let fixed: Int

    func range(parts: Int) -> Range<Int> {
        let start = offset.perPart * parts + offset.fixed
        return start..<start + perPart * parts + fixed
    }
}
