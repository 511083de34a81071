public import Tensors

/// Modules one behind the other: a program over flat parameters, a batch X [S, inputs] and a ``Workspace``.
///
/// The value holds shapes and places, no numbers; one network serves any number of threads, each with a workspace
/// of its own. No pass allocates memory.
public struct Sequential: Sendable, Hashable {
    /// The number of columns that go in.
    public let inputs: Int
    /// The number of columns that come out.
    public let outputs: Int
    /// Where parameters, gradients and optimiser state lie.
    public let parameterLayout: ParameterLayout
    /// Where batch norm's running statistics lie.
    public let statisticsLayout: ParameterLayout

    let plan: Plan

    /// The linear modules, from the input on.
    public var linears: [Linear] {
        plan.steps.compactMap { if case .linear(let module, _, _) = $0 { module } else { nil } }
    }

    /// Computes the output for training, with batch norm over the batch.
    ///
    /// - Parameters:
    ///   - x: X [S, inputs], left as it is; the backward pass reads it again.
    ///   - parameters: The flat parameters.
    ///   - batchStatistics: [P, statistics], a row of the statistics' layout for each part: overwritten with the
    ///     parts' mean and unbiased variance, or if the reducer synchronises with those of the whole batch in the
    ///     first row.
    ///   - workspace: Memory for at least S rows in P parts, which divide S.
    ///   - reducer: Brings the parts of the batch together. With a reducer over several ranks every rank must call.
    /// - Returns: A view of the output [S, outputs] in the workspace, which the loss may overwrite with its gradient
    ///   when the last module is linear.
    /// - Throws: What the reducer throws.
    public func forward<Reducer: BatchReducer>(
        _ x: Matrix<Reducer.Scalar>, parameters: Vector<Reducer.Scalar>,
        batchStatistics: Matrix<Reducer.Scalar>,
        workspace: borrowing Workspace<Reducer.Scalar>, reducer: Reducer
    ) throws -> Matrix<Reducer.Scalar> {
        precondition(
            batchStatistics.rows == workspace.parts && batchStatistics.columns == statisticsLayout.count,
            "batch statistics of another layout")
        precondition(x.rows % workspace.parts == 0, "\(x.rows) rows in \(workspace.parts) parts")
        check(x, parameters)
        var current = x
        for step in plan.steps {
            if case .batchNorm(let module, let normalized, let output, let columns) = step {
                let hidden = prepare(current, normalized: normalized, in: workspace)
                current = workspace.matrix(output, rows: x.rows)
                try module.forward(
                    hidden, into: current, parameters: parameters, batchStatistics: batchStatistics,
                    columns: workspace.columns(columns), reducer: reducer)
            } else if case .linear(let module, _, let output) = step {
                let (input, y) = (current, workspace.matrix(output, rows: x.rows))
                let products = reducer.productCount(of: module, parts: workspace.parts)
                reducer.forEachProduct(products) { part in
                    let rows = rows(of: part, among: products, rows: x.rows)
                    module.forward(input[rows: rows], parameters: parameters, into: y[rows: rows])
                }
                current = y
            } else {
                current = forward(step, current, network: x, parameters: parameters, workspace: workspace)
            }
        }
        return current
    }

    /// Computes the output for evaluation, with batch norm by the running statistics.
    ///
    /// - Parameters:
    ///   - x: X [S, inputs], left as it is.
    ///   - parameters: The flat parameters.
    ///   - runningStatistics: The flat running statistics.
    ///   - workspace: Memory for at least S rows.
    /// - Returns: A view of the output [S, outputs] in the workspace.
    public func evaluate<Scalar: TensorScalar>(
        _ x: Matrix<Scalar>, parameters: Vector<Scalar>, runningStatistics: Vector<Scalar>,
        workspace: borrowing Workspace<Scalar>
    ) -> Matrix<Scalar> {
        precondition(
            runningStatistics.count == statisticsLayout.count, "running statistics of another layout")
        check(x, parameters)
        var current = x
        for step in plan.steps {
            if case .batchNorm(let module, let normalized, let output, let columns) = step {
                let hidden = prepare(current, normalized: normalized, in: workspace)
                current = workspace.matrix(output, rows: x.rows)
                module.forward(
                    hidden, into: current, parameters: parameters, runningStatistics: runningStatistics,
                    columns: workspace.columns(columns))
            } else {
                current = forward(step, current, network: x, parameters: parameters, workspace: workspace)
            }
        }
        return current
    }

    /// Computes the gradients of all parameters, from the tail of the layout to its head.
    ///
    /// - Parameters:
    ///   - x: X [S, inputs] of the forward pass.
    ///   - outputGradient: ∂L/∂Y [S, outputs]; overwritten.
    ///   - parameters: The flat parameters of the forward pass.
    ///   - gradients: The flat gradients, overwritten whole.
    ///   - workspace: The workspace of the forward pass.
    ///   - reducer: As in the forward pass.
    ///   - inputGradient: ∂L/∂X [S, inputs] is written here, where anybody asks.
    /// - Throws: What the reducer throws.
    public func backward<Reducer: BatchReducer>(
        x: Matrix<Reducer.Scalar>, outputGradient: Matrix<Reducer.Scalar>, parameters: Vector<Reducer.Scalar>,
        gradients: Vector<Reducer.Scalar>, workspace: borrowing Workspace<Reducer.Scalar>, reducer: Reducer,
        inputGradient: Matrix<Reducer.Scalar>? = nil
    ) throws {
        check(x, parameters)
        precondition(gradients.count == parameterLayout.count, "gradients of another layout")
        var gradient = outputGradient
        var (next, other) = plan.gradients
        for index in plan.steps.indices.reversed() {
            switch plan.steps[index] {
            case .linear(let module, let input, _):
                let slot = Slot(offset: next.offset, width: module.inputs)
                let dx = index > 0 ? workspace.matrix(slot, rows: x.rows) : inputGradient
                try reducer.computeGradient(
                    of: module, x: view(input, network: x, in: workspace), isNetworkInput: input == nil,
                    dy: gradient, gradients: gradients)
                guard let dx else { continue }
                let dy = gradient
                let products = reducer.productCount(of: module, parts: workspace.parts)
                reducer.forEachProduct(products) { part in
                    let rows = rows(of: part, among: products, rows: x.rows)
                    module.backward(dy: dy[rows: rows], parameters: parameters, into: dx[rows: rows])
                }
                gradient = dx
                swap(&next, &other)
            case .batchNorm(let module, let normalized, _, let columns):
                try module.backward(
                    normalized: workspace.matrix(normalized, rows: x.rows), gradient: gradient,
                    parts: workspace.parts, parameters: parameters, gradients: gradients,
                    columns: workspace.columns(columns), reducer: reducer)
            case .activation(let activation, let output):
                activation.backward(y: workspace.matrix(output, rows: x.rows), gradient: gradient)
            case .identity(_, _, let kept):
                workspace.matrix(kept, rows: x.rows).vector.copy(from: gradient.vector)
            case .branch(let kept):
                Residual().backward(dy: workspace.matrix(kept, rows: x.rows), branchGradient: gradient)
            }
        }
        if let inputGradient, inputGradient.base != gradient.base {
            inputGradient.vector.copy(from: gradient.vector)
        }
    }

    private func rows(of part: Int, among parts: Int, rows: Int) -> Range<Int> {
        rows / parts * part..<rows / parts * (part + 1)
    }

    /// Runs a step that is the same in training and in evaluation.
    private func forward<Scalar: TensorScalar>(
        _ step: Step, _ current: Matrix<Scalar>, network x: Matrix<Scalar>, parameters: Vector<Scalar>,
        workspace: borrowing Workspace<Scalar>
    ) -> Matrix<Scalar> {
        switch step {
        case .linear(let module, _, let output):
            let y = workspace.matrix(output, rows: x.rows)
            module.forward(current, parameters: parameters, into: y)
            return y
        case .activation(let activation, let output):
            let y = workspace.matrix(output, rows: x.rows)
            activation.forward(current, into: y)
            return y
        case .identity(let input, let output, _):
            let y = workspace.matrix(output, rows: x.rows)
            if y.base != current.base { y.vector.copy(from: current.vector) }
            Residual().forward(view(input, network: x, in: workspace), branch: y)
            return y
        case .branch, .batchNorm:
            return current
        }
    }

    private func view<Scalar>(
        _ slot: Slot?, network x: Matrix<Scalar>, in workspace: borrowing Workspace<Scalar>
    ) -> Matrix<Scalar> {
        if let slot { workspace.matrix(slot, rows: x.rows) } else { x }
    }

    /// Returns batch norm's input in the slot where it may become X̂.
    private func prepare<Scalar>(
        _ current: Matrix<Scalar>, normalized: Slot, in workspace: borrowing Workspace<Scalar>
    ) -> Matrix<Scalar> {
        let hidden = workspace.matrix(normalized, rows: current.rows)
        if hidden.base != current.base { hidden.vector.copy(from: current.vector) }
        return hidden
    }

    private func check<Scalar>(_ x: Matrix<Scalar>, _ parameters: Vector<Scalar>) {
        precondition(x.columns == inputs && x.rows >= 1, "[\(x.rows), \(x.columns)] for \(inputs) inputs")
        precondition(parameters.count == parameterLayout.count, "parameters of another layout")
    }
}
