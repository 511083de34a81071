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
        _ x: BatchInput<Reducer.Scalar>, parameters: Vector<Reducer.Scalar>,
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
            switch step {
            case .batchNorm(let module, let normalized, let output, let columns):
                let hidden = prepare(current.numbers, normalized: normalized, in: workspace)
                let y = workspace.matrix(output, rows: x.rows)
                try module.forward(
                    hidden, into: y, parameters: parameters, batchStatistics: batchStatistics,
                    columns: workspace.columns(columns), reducer: reducer)
                current = .numbers(y)
            case .linear(let module, _, let output):
                let y = workspace.matrix(output, rows: x.rows)
                reducer.forward(module, current, parameters: parameters, into: y)
                current = .numbers(y)
            case .activation, .branch, .identity:
                current = forward(step, current, network: x, workspace: workspace)
            }
        }
        return current.numbers
    }

    /// Computes the output for evaluation, with batch norm by the running statistics.
    ///
    /// - Parameters:
    ///   - x: X [S, inputs], left as it is.
    ///   - parameters: The flat parameters.
    ///   - runningStatistics: The flat running statistics.
    ///   - workspace: Memory for at least S rows.
    ///   - products: Computes the linear modules, with these parameters packed; nil for products of their own.
    /// - Returns: A view of the output [S, outputs] in the workspace.
    public func evaluate<Scalar: TensorScalar>(
        _ x: BatchInput<Scalar>, parameters: Vector<Scalar>, runningStatistics: Vector<Scalar>,
        workspace: borrowing Workspace<Scalar>, products: LinearProducts<Scalar>? = nil
    ) -> Matrix<Scalar> {
        precondition(
            runningStatistics.count == statisticsLayout.count, "running statistics of another layout")
        check(x, parameters)
        var current = x
        for step in plan.steps {
            switch step {
            case .batchNorm(let module, let normalized, let output, let columns):
                let hidden = prepare(current.numbers, normalized: normalized, in: workspace)
                let y = workspace.matrix(output, rows: x.rows)
                module.forward(
                    hidden, into: y, parameters: parameters, runningStatistics: runningStatistics,
                    columns: workspace.columns(columns))
                current = .numbers(y)
            case .linear(let module, _, let output):
                let y = workspace.matrix(output, rows: x.rows)
                if let products {
                    products.forward(module, current, parameters: parameters, into: y)
                } else {
                    module.forward(current.numbers, parameters: parameters, into: y)
                }
                current = .numbers(y)
            case .activation, .branch, .identity:
                current = forward(step, current, network: x, workspace: workspace)
            }
        }
        return current.numbers
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
        x: BatchInput<Reducer.Scalar>, outputGradient: Matrix<Reducer.Scalar>,
        parameters: Vector<Reducer.Scalar>,
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
                let isNetworkInput = input == nil
                let slot = Slot(offset: next.offset, width: module.inputs)
                let dx = index > 0 ? workspace.matrix(slot, rows: x.rows) : inputGradient
                let input: BatchInput = input.map { .numbers(workspace.matrix($0, rows: x.rows)) } ?? x
                try reducer.computeGradient(
                    of: module, x: input, isNetworkInput: isNetworkInput, dy: gradient, gradients: gradients)
                guard let dx else { continue }
                reducer.inputGradient(of: module, dy: gradient, parameters: parameters, into: dx)
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

    /// Runs a step that is the same in training and in evaluation.
    private func forward<Scalar: TensorScalar>(
        _ step: Step, _ current: BatchInput<Scalar>, network x: BatchInput<Scalar>,
        workspace: borrowing Workspace<Scalar>
    ) -> BatchInput<Scalar> {
        switch step {
        case .activation(let activation, let output):
            let y = workspace.matrix(output, rows: x.rows)
            activation.forward(current.numbers, into: y)
            return .numbers(y)
        case .identity(let input, let output, _):
            let y = workspace.matrix(output, rows: x.rows)
            let branch = current.numbers
            if y.base != branch.base { y.vector.copy(from: branch.vector) }
            Residual().forward(input.map { workspace.matrix($0, rows: x.rows) } ?? x.numbers, branch: y)
            return .numbers(y)
        case .linear, .batchNorm, .branch:
            return current
        }
    }

    /// Returns batch norm's input in the slot where it may become X̂.
    private func prepare<Scalar>(
        _ current: Matrix<Scalar>, normalized: Slot, in workspace: borrowing Workspace<Scalar>
    ) -> Matrix<Scalar> {
        let hidden = workspace.matrix(normalized, rows: current.rows)
        if hidden.base != current.base { hidden.vector.copy(from: current.vector) }
        return hidden
    }

    private func check<Scalar>(_ x: BatchInput<Scalar>, _ parameters: Vector<Scalar>) {
        precondition(x.columns == inputs && x.rows >= 1, "[\(x.rows), \(x.columns)] for \(inputs) inputs")
        precondition(parameters.count == parameterLayout.count, "parameters of another layout")
    }
}
