public import MLPEngine
public import Tensors

/// The textbook's products: each as one matrix product on the calling thread, from the parameters themselves.
public final class TextbookProducts<Scalar: TensorScalar>: MatrixProducts {
    /// The calling thread alone.
    public let team = WorkerTeam(upTo: 1)

    /// Products that keep nothing.
    public init() {}

    /// Y = X Wᵀ + 1 bᵀ.
    public func forward(
        _ linear: Linear, _ x: BatchInput<Scalar>, parameters: Vector<Scalar>, into y: Matrix<Scalar>
    ) {
        guard case .numbers(let x) = x else { preconditionFailure("the textbook's inputs are numbers") }
        y.gemm(x, .none, linear.weightMatrix(parameters), .transposed)
        y.addBias(parameters[linear.bias])
    }

    /// ∂L/∂X = ∂L/∂Y W.
    public func inputGradient(
        of linear: Linear, dy: Matrix<Scalar>, parameters: Vector<Scalar>, into dx: Matrix<Scalar>
    ) {
        dx.gemm(dy, .none, linear.weightMatrix(parameters))
    }

    /// ∂L/∂W = (∂L/∂Y)ᵀ X.
    public func weightGradient(
        of linear: Linear, x: FactorInput<Scalar>, dy: FactorInput<Scalar>,
        into gradient: Matrix<Scalar>
    ) {
        guard case .numbers(let x) = x, case .numbers(let dy) = dy else {
            preconditionFailure("the textbook's factors are numbers")
        }
        let memory = AlignedBuffer<Scalar>(zeroed: dy.rows * (x.columns + dy.columns))
        let split = dy.rows * dy.columns
        let left = memory.vector[0..<split].matrix(rows: dy.rows, columns: dy.columns)
        let right = memory.vector[split..<memory.count].matrix(rows: x.rows, columns: x.columns)
        left.copy(from: dy)
        right.copy(from: x)
        gradient.gemm(left, .transposed, right)
    }

    /// Some panels of it, all at once.
    public func weightGradient(
        of linear: Linear, x: FactorInput<Scalar>, dy: FactorInput<Scalar>, panels: Range<Int>,
        _ body: some ColumnTask<Scalar>
    ) {
        let whole = AlignedBuffer<Scalar>(zeroed: linear.weight.count)
        let gradient = whole.matrix(rows: linear.outputs, columns: linear.inputs)
        weightGradient(of: linear, x: x, dy: dy, into: gradient)
        let width = PackedMatrix<Scalar>.panelWidth
        let columns = panels.lowerBound * width..<min(panels.upperBound * width, linear.inputs)
        let memory = AlignedBuffer<Scalar>(zeroed: linear.outputs * columns.count)
        let part = memory.matrix(rows: linear.outputs, columns: columns.count)
        part.copy(from: StridedMatrix(gradient, columns: columns))
        body(columns, part)
    }

    /// All panels at once.
    public func forEachGroup(
        of linear: Linear, panels: Range<Int>, _ body: some ColumnTask<Scalar>
    ) {
        let width = PackedMatrix<Scalar>.panelWidth
        let columns = panels.lowerBound * width..<min(panels.upperBound * width, linear.inputs)
        let memory = AlignedBuffer<Scalar>(zeroed: linear.outputs * columns.count)
        body(columns, memory.matrix(rows: linear.outputs, columns: columns.count))
    }
}

extension Sequential {
    /// A training pass over a batch that is all here, by the textbook's products.
    ///
    /// - Returns: The output [S, outputs], in the workspace.
    public func forward<Scalar: TensorScalar>(
        _ x: BatchInput<Scalar>, parameters: Vector<Scalar>, batchStatistics: Matrix<Scalar>,
        workspace: Workspace<Scalar>
    ) throws -> Matrix<Scalar> {
        // No gradient is formed on the way forward.
        let unused = AlignedBuffer<Scalar>(zeroed: 0)
        return try forward(
            pass(
                x, parameters, batchStatistics, workspace, LocalBatch(gradients: unused.vector)))
    }

    /// The way back of such a pass.
    public func backward<Scalar: TensorScalar>(
        x: BatchInput<Scalar>, outputGradient: Matrix<Scalar>, parameters: Vector<Scalar>,
        gradients: Vector<Scalar>, workspace: Workspace<Scalar>, inputGradient: Matrix<Scalar>? = nil
    ) throws {
        let unused = AlignedBuffer<Scalar>(zeroed: workspace.parts * statisticsLayout.count)
        let statistics = unused.matrix(rows: workspace.parts, columns: statisticsLayout.count)
        try backward(
            outputGradient,
            pass(x, parameters, statistics, workspace, LocalBatch(gradients: gradients), inputGradient))
    }

    /// The output in evaluation, by the textbook's products.
    public func evaluate<Scalar: TensorScalar>(
        _ x: BatchInput<Scalar>, parameters: Vector<Scalar>, runningStatistics: Vector<Scalar>,
        workspace: Workspace<Scalar>
    ) throws -> Matrix<Scalar> {
        try forward(
            Pass(
                x, parameters: parameters, workspace: workspace, products: TextbookProducts<Scalar>(),
                mode: .evaluation(runningStatistics: runningStatistics)))
    }

    fileprivate func pass<Scalar: TensorScalar>(
        _ x: BatchInput<Scalar>, _ parameters: Vector<Scalar>, _ statistics: Matrix<Scalar>,
        _ workspace: Workspace<Scalar>, _ collectives: any BatchCollectives<Scalar>,
        _ inputGradient: Matrix<Scalar>? = nil
    ) -> Pass<Scalar> {
        Pass(
            x, parameters: parameters, workspace: workspace, products: TextbookProducts<Scalar>(),
            mode: .training(
                .init(
                    collectives: collectives, batchStatistics: statistics, inputGradient: inputGradient)))
    }
}

extension MLP {
    /// Runs forward and backward on some rows of a global batch: losses, and the gradient of the mean loss over the
    /// global batch, as far as these rows go.
    ///
    /// - Parameters:
    ///   - x: X [S, inputs].
    ///   - targets: One target per row.
    ///   - globalBatch: The number of rows B of the whole batch.
    ///   - parameters: The flat parameters.
    ///   - batchStatistics: [P, statistics], overwritten with batch norm's statistics.
    ///   - losses: One record for each of the P parts, overwritten.
    ///   - workspace: Memory for at least S rows in P parts, which divide S.
    ///   - collectives: Bring the parts together.
    /// - Throws: What the collectives throw.
    public func computeGradients<Scalar: TensorScalar>(
        _ x: BatchInput<Scalar>, targets: Targets<Scalar>, globalBatch: Int, parameters: Vector<Scalar>,
        batchStatistics: Matrix<Scalar>, losses: inout [BatchLoss], workspace: Workspace<Scalar>,
        collectives: any BatchCollectives<Scalar>
    ) throws {
        let pass = network.pass(x, parameters, batchStatistics, workspace, collectives)
        let logits = try network.forward(pass)
        let partRows = x.rows / workspace.parts
        for part in 0..<workspace.parts {
            let rows = part * partRows..<(part + 1) * partRows
            losses[part] = SoftmaxCrossEntropy().evaluate(
                logits[rows: rows], targets[rows: rows], factor: 1 / Scalar(globalBatch),
                gradient: logits[rows: rows])
        }
        try network.backward(logits, pass)
    }

    /// The same for a batch that is all here; returns the losses of all parts together.
    public func computeGradients<Scalar: TensorScalar>(
        _ x: Matrix<Scalar>, targets: Targets<Scalar>, globalBatch: Int, parameters: Vector<Scalar>,
        gradients: Vector<Scalar>, batchStatistics: Matrix<Scalar>, workspace: Workspace<Scalar>
    ) throws -> BatchLoss {
        var losses = Array(repeating: BatchLoss.zero, count: workspace.parts)
        try computeGradients(
            .numbers(x), targets: targets, globalBatch: globalBatch, parameters: parameters,
            batchStatistics: batchStatistics, losses: &losses, workspace: workspace,
            collectives: LocalBatch(gradients: gradients))
        return losses.reduce(into: .zero) { $0 += $1 }
    }
}

extension SGD {
    /// Takes one step on all parameters in place.
    ///
    /// - Parameters:
    ///   - parameters: p.
    ///   - gradients: g, of the same count.
    ///   - velocity: v, of the same count; not read without momentum.
    ///   - learningRate: η.
    public func step<Scalar: TensorScalar>(
        parameters: Vector<Scalar>, gradients: Vector<Scalar>, velocity: Vector<Scalar>,
        learningRate: Double
    ) {
        OptimizerStep(
            self, parameters: parameters, state: stateNames.map { _ in velocity },
            learningRate: learningRate,
            number: 1
        ).apply(to: 0..<parameters.count, gradients: gradients)
    }
}
