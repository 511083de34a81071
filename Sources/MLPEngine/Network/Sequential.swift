public import Tensors

/// Layers one behind the other, over flat parameters and a ``Workspace``.
///
/// The value holds shapes and places, no numbers; one network serves any number of threads, each with a workspace
/// of its own. No pass allocates memory.
public struct Sequential: Sendable {
    /// The number of columns that go in.
    public let inputs: Int
    /// The number of columns that come out.
    public let outputs: Int
    /// Where parameters, gradients and optimizer state lie.
    public let parameterLayout: ParameterLayout
    /// Where batch norm's running statistics lie.
    public let statisticsLayout: ParameterLayout
    /// The layers, from the input on.
    public let layers: [any Layer]
    /// Those that are linear, from the input on.
    public let linears: [Linear]
    /// What each named layer is, takes and gives, from the input on.
    public let rows: [Row]

    /// A named layer, in a table for people.
    public struct Row: Sendable, Hashable {
        /// PyTorch's name for it, such as `layers.0`.
        public let name: String
        /// What it is, such as `linear`.
        public let kind: String
        /// The columns M that go in.
        public let inputs: Int
        /// The columns N that come out.
        public let outputs: Int
        /// Its parameters.
        public let parameters: [ParameterLayout.Entry]
        /// Its place among the network's layers, some of which have no row.
        public let layer: Int
        /// Of a nonlinearity, which.
        public let activation: Activation?

        /// The learned scalars.
        public var parameterCount: Int { parameters.reduce(0) { $0 + $1.range.count } }
        /// The multiplications of its matrix product for a row of the batch: M N of a linear layer, else 0.
        public var multiplications: Int {
            parameters.filter { $0.shape.count == 2 }.reduce(0) { $0 + $1.range.count }
        }
    }

    let memory: WorkspaceLayout

    /// Computes the output of a pass: layer by layer Y = f(X).
    ///
    /// - Parameter pass: The batch X [S, inputs], and what to compute with.
    /// - Returns: A view of the output [S, outputs] in the workspace, which the loss may overwrite with its gradient
    ///   when the last layer is linear.
    /// - Throws: What the ranks' collectives throw; in training with several ranks every rank must call it.
    public func forward<Scalar: TensorScalar>(_ pass: Pass<Scalar>) throws -> Matrix<Scalar> {
        check(pass)
        var current = pass.batch
        for layer in layers { current = try layer.forward(current, pass) }
        return current.numbers
    }

    /// The same, with somebody who looks at every named layer when it has computed its output.
    ///
    /// - Parameters:
    ///   - pass: As above.
    ///   - watch: Called with the layer's number among ``rows``, with what it has left of its input, in whose place it may have
    ///     computed, and with its output. The next layer may overwrite both.
    /// - Returns: As above.
    /// - Throws: What the ranks' collectives throw, as above, and what `watch` throws.
    public func forward<Scalar: TensorScalar>(
        _ pass: Pass<Scalar>,
        watching watch: (_ row: Int, _ input: BatchInput<Scalar>, _ output: Matrix<Scalar>) throws -> Void
    ) throws -> Matrix<Scalar> {
        check(pass)
        var current = pass.batch
        var row = 0
        for (index, layer) in layers.enumerated() {
            let output = try layer.forward(current, pass)
            if row < rows.count, rows[row].layer == index {
                try watch(row, current, output.numbers)
                row += 1
            }
            current = output
        }
        return current.numbers
    }

    /// Hands in what the gradients of all parameters are made of, from the last layer to the first: ∂L/∂X from ∂L/∂Y.
    ///
    /// - Parameters:
    ///   - outputGradient: ∂L/∂Y [S, outputs]; overwritten.
    ///   - pass: That of the forward pass, in training.
    /// - Throws: What the ranks' collectives throw; with several ranks every rank must call it.
    public func backward<Scalar: TensorScalar>(
        _ outputGradient: Matrix<Scalar>, _ pass: Pass<Scalar>
    ) throws {
        check(pass)
        var gradient: Matrix<Scalar>? = outputGradient
        for layer in layers.reversed() { gradient = try layer.backward(gradient, pass) }
        guard let wanted = pass.training.inputGradient, let gradient, gradient.base != wanted.base else {
            return
        }
        wanted.vector.copy(from: gradient.vector)
    }

    private func check<Scalar>(_ pass: Pass<Scalar>) {
        let (x, parts) = (pass.batch, pass.workspace.parts)
        precondition(x.columns == inputs && x.rows >= 1, "[\(x.rows), \(x.columns)] for \(inputs) inputs")
        precondition(pass.parameters.count == parameterLayout.count, "parameters of another layout")
        switch pass.mode {
        case .evaluation(let running):
            precondition(running.count == statisticsLayout.count, "running statistics of another layout")
        case .training(let training):
            let statistics = training.batchStatistics
            precondition(
                statistics.rows == parts && statistics.columns == statisticsLayout.count,
                "batch statistics of another layout")
            precondition(x.rows % parts == 0, "\(x.rows) rows in \(parts) parts")
        }
    }
}

/// Puts layers one behind the other and lays out their parameters, running statistics and memory. Each layer's own file has
/// the method that appends it.
///
/// Names are those of PyTorch's `nn.Sequential`: every layer counts, so a network with prefix `layers` that
/// begins linear, activation, linear has `layers.0.weight` and `layers.2.weight`.
public struct SequentialBuilder {
    /// The number of columns that the next layer gets.
    private(set) var width: Int
    /// Where the next layer's input stands; nil is the network's input.
    private(set) var current: Slot?
    var parameters = ParameterLayout()
    var statistics = ParameterLayout()

    private let inputs: Int
    private var prefix: String
    private var index = 0
    private var layers: [any Layer] = []
    private var rows: [Sequential.Row] = []
    private var memory = WorkspaceLayout()
    /// The widest gradient that is not computed where the one before it stands.
    private var widest = 1
    /// Whether nothing but the next layer reads its input, neither forward nor backward, so that it may overwrite it.
    private var currentIsFree = false

    /// Begins a network of `inputs` columns.
    public init(inputs: Int, prefix: String) {
        precondition(inputs >= 1, "a network of \(inputs) inputs")
        self.inputs = inputs
        self.prefix = prefix
        width = inputs
    }

    /// The name of the next layer.
    var name: String { "\(prefix).\(index)" }

    /// The next layer's input, if the layer may overwrite it.
    var freeSlot: Slot? { currentIsFree ? current : nil }

    /// The layers of a kind so far.
    func count<Kind: Layer>(of kind: Kind.Type) -> Int { layers.count { $0 is Kind } }

    /// Takes room for a matrix with a row for each row of the batch.
    mutating func makeSlot(width: Int) -> Slot { memory.makeSlot(width: width) }

    /// Takes room for numbers per column.
    mutating func makeColumns(perPart: Int, fixed: Int = 0) -> ColumnSlot {
        memory.makeColumns(perPart: perPart, fixed: fixed)
    }

    /// Has room made for a gradient of so many columns, for ``Pass/gradientRoom(width:beside:)``.
    mutating func reserveGradient(width: Int) { widest = max(widest, width) }

    /// Appends a layer.
    ///
    /// - Parameters:
    ///   - layer: The layer.
    ///   - output: Where its output stands.
    ///   - isFree: Whether the layer behind it may overwrite the output, as it is read by nobody else, nor on the way back.
    mutating func append(_ layer: some Layer, output: Slot, isFree: Bool = true) {
        let described = rows.reduce(0) { $0 + $1.parameters.count }
        rows.append(
            .init(
                name: name, kind: layer.kind, inputs: width, outputs: output.width,
                parameters: Array(parameters.entries[described...]), layer: layers.count,
                activation: (layer as? Activation.OfNetwork)?.activation))
        layers.append(layer)
        current = output
        currentIsFree = isFree
        width = output.width
        index += 1
    }

    /// Inserts what has neither name nor output of its own; its input must be kept.
    mutating func insert(_ layer: some Layer) {
        layers.append(layer)
        currentIsFree = false
    }

    /// Appends layers that are named with a prefix of their own, and counts them as one with the layer that follows.
    mutating func branch(_ name: String, _ body: (inout SequentialBuilder) -> Void) {
        let outer = (prefix, index)
        (prefix, index) = (name, 0)
        body(&self)
        precondition(index > 0, "a branch has a layer")
        (prefix, index) = outer
    }

    /// Returns the network.
    public func build() -> Sequential {
        var memory = memory
        memory.gradients = (memory.makeSlot(width: widest), memory.makeSlot(width: widest))
        return Sequential(
            inputs: inputs, outputs: width, parameterLayout: parameters, statisticsLayout: statistics,
            layers: layers, linears: layers.compactMap { $0 as? Linear }, rows: rows, memory: memory)
    }
}

/// How much memory a network's passes take, and where things lie in it.
struct WorkspaceLayout: Sendable {
    /// Scalars per row of all slots together.
    private(set) var widthPerRow = 0
    /// Two slots in which gradients travel back in turn.
    var gradients = (Slot(offset: 0, width: 0), Slot(offset: 0, width: 0))

    private var columns = (perPart: 0, fixed: 0)

    mutating func makeSlot(width: Int) -> Slot {
        defer { widthPerRow += width }
        return Slot(offset: widthPerRow, width: width)
    }

    mutating func makeColumns(perPart: Int, fixed: Int) -> ColumnSlot {
        defer { columns = (columns.perPart + perPart, columns.fixed + fixed) }
        return ColumnSlot(offset: columns, perPart: perPart, fixed: fixed)
    }

    /// Scalars of all column slots.
    func columnScalars(parts: Int) -> Int { columns.perPart * parts + columns.fixed }
}

/// The memory in which a network computes: activations kept for the backward pass, gradients on their way back,
/// and batch norm's per-column numbers, in one buffer that is allocated once.
///
/// A workspace serves one computation at a time; several threads need one each.
public final class Workspace<Scalar: TensorScalar> {
    /// The largest number of rows (samples) a pass may have.
    public let capacity: Int
    /// The number of parts into which a pass divides its rows.
    public let parts: Int

    let gradients: (Slot, Slot)

    private let buffer: AlignedBuffer<Scalar>
    private let columnsStart: Int

    /// Allocates what `network` needs for passes of up to `capacity` rows, divided into `parts` equal parts.
    ///
    /// - Throws: `AllocationError`.
    public init(for network: Sequential, capacity: Int, parts: Int = 1) throws(AllocationError) {
        precondition(parts >= 1 && capacity >= parts, "\(capacity) rows in \(parts) parts")
        self.capacity = capacity
        self.parts = parts
        gradients = network.memory.gradients
        columnsStart = network.memory.widthPerRow * capacity
        buffer = try AlignedBuffer(
            allocating: Self.scalars(for: network, capacity: capacity, parts: parts), filledWith: 0)
    }

    /// The scalars of a workspace.
    public static func scalars(for network: Sequential, capacity: Int, parts: Int = 1) -> Int {
        network.memory.widthPerRow * capacity + network.memory.columnScalars(parts: parts)
    }

    func matrix(_ slot: Slot, rows: Int) -> Matrix<Scalar> {
        precondition(rows <= capacity, "\(rows) rows in a workspace for \(capacity)")
        let start = slot.offset * capacity
        return buffer.vector[start..<start + rows * slot.width].matrix(rows: rows, columns: slot.width)
    }

    func columns(_ columns: ColumnSlot) -> Vector<Scalar> {
        let range = columns.range(parts: parts)
        return buffer.vector[columnsStart + range.lowerBound..<columnsStart + range.upperBound]
    }
}
