internal import MLPEngine
internal import Tensors

/// The gradient of a network's loss over some rows, and the gradient's derivative along a direction v of the parameters: H v.
///
/// The formulas are those of the gradient, forward and backward, computed in dual numbers w + t v. The tangent of ∇L(w + t v)
/// at t = 0 is H v, exactly but for rounding: there is no step to choose, and no kink of ReLU to fall over.
///
/// Source: Pearlmutter, "Fast exact multiplication by the Hessian", Neural Computation 6, 1994 (his operator R{·} is the
/// tangent).
struct DirectionalPass {
    private let configuration: MLPConfiguration
    private let parameters: Vector<Double>
    /// v; without one all tangents stay 0 and their products are left out.
    private let direction: Vector<Double>?
    /// The running statistics by which batch norm normalises; without them it takes those of the rows.
    private let running: Vector<Double>?
    private var entries: ArraySlice<ParameterLayout.Entry>
    private var statistics: ArraySlice<ParameterLayout.Entry>
    /// ∇L or H v, in the parameters' layout.
    private let result: Vector<Double>
    /// From ∂L/∂Y to ∂L/∂X of each layer so far; nil where X is the batch.
    private var wayBack: [(DualMatrix) -> DualMatrix?] = []

    private static let epsilon = 1e-5

    private init(
        _ mlp: MLP, parameters: Vector<Double>, direction: Vector<Double>?, running: Vector<Double>?,
        result: Vector<Double>
    ) {
        configuration = mlp.configuration
        (self.parameters, self.direction, self.running) = (parameters, direction, running)
        self.result = result
        entries = mlp.network.parameterLayout.entries[...]
        statistics = mlp.network.statisticsLayout.entries[...]
    }

    /// Computes factor · Σ (losses of the rows), and its gradient or, where there is a direction v, H v.
    ///
    /// - Parameters:
    ///   - mlp: The network. Its dropout takes nothing away.
    ///   - x: X [S, inputs].
    ///   - labels: The rows' classes.
    ///   - factor: What the sum of the losses is multiplied by.
    ///   - result: Overwritten.
    static func run(
        _ mlp: MLP, _ x: Matrix<Double>, labels: ArraySlice<Int32>, factor: Double,
        parameters: Vector<Double>, direction: Vector<Double>?, running: Vector<Double>?,
        into result: Vector<Double>
    ) -> Double {
        var pass = DirectionalPass(
            mlp, parameters: parameters, direction: direction, running: running, result: result)
        let batch = DualMatrix(rows: x.rows, columns: x.columns, isConstant: true)
        batch.values.vector.copy(from: x.vector)
        let logits = pass.logits(batch)
        precondition(pass.entries.isEmpty, "every parameter belongs to a layer")
        let (loss, gradient) = crossEntropy(logits, labels, factor)
        pass.goBack(gradient, from: 0)
        return loss
    }

    // MARK: - The network

    private mutating func logits(_ x: DualMatrix) -> DualMatrix {
        var x = x
        for _ in configuration.hiddenDimensions {
            x = hidden(x)
            guard configuration.residual else { continue }
            let first = wayBack.count
            let y = linear(hidden(x))
            y.add(x)
            let branch = Array(wayBack[first...])
            wayBack.removeSubrange(first...)
            wayBack.append { dy in
                var dx: DualMatrix? = dy
                for step in branch.reversed() { dx = dx.flatMap(step) }
                dx?.add(dy)
                return dx
            }
            x = y
        }
        return linear(x)
    }

    private mutating func hidden(_ x: DualMatrix) -> DualMatrix {
        var x = linear(x)
        if configuration.batchNorm {
            let constants = running.map { running in
                (
                    mean: running[statistics.removeFirst().range],
                    variance: running[statistics.removeFirst().range]
                )
            }
            x = normalized(x, overRows: true, constants)
        }
        if configuration.layerNorm { x = normalized(x, overRows: false, nil) }
        return activated(x)
    }

    private func goBack(_ gradient: DualMatrix, from first: Int) {
        var gradient: DualMatrix? = gradient
        for step in wayBack[first...].reversed() { gradient = gradient.flatMap(step) }
    }

    // MARK: - Layers

    /// Y = X Wᵀ + 1 bᵀ, Ẏ = Ẋ Wᵀ + X Ẇᵀ + 1 ḃᵀ.
    private mutating func linear(_ x: DualMatrix) -> DualMatrix {
        let (weight, bias) = (entries.removeFirst(), entries.removeFirst())
        let (outputs, inputs) = (weight.shape[0], weight.shape[1])
        let w = parameters[weight.range].matrix(rows: outputs, columns: inputs)
        let wDot = direction?[weight.range].matrix(rows: outputs, columns: inputs)
        let y = DualMatrix(rows: x.rows, columns: outputs)
        y.values.gemm(x.values, .none, w, .transposed)
        y.values.addBias(parameters[bias.range])
        if let direction, let wDot {
            y.tangents.gemm(x.values, .none, wDot, .transposed)
            y.tangents.addBias(direction[bias.range])
            if !x.isConstant {
                Self.add(rows: x.rows, columns: outputs, to: y.tangents) {
                    $0.gemm(x.tangents, .none, w, .transposed)
                }
            }
        }
        let result = result
        wayBack.append { dy in
            let gradient = result[weight.range].matrix(rows: outputs, columns: inputs)
            guard let wDot else {
                gradient.gemm(dy.values, .transposed, x.values)
                dy.values.sumColumns(into: result[bias.range])
                return x.isConstant ? nil : Self.inputGradient(dy, w, nil)
            }
            gradient.gemm(dy.tangents, .transposed, x.values)
            dy.tangents.sumColumns(into: result[bias.range])
            guard !x.isConstant else { return nil }
            Self.add(rows: outputs, columns: inputs, to: gradient) {
                $0.gemm(dy.values, .transposed, x.tangents)
            }
            return Self.inputGradient(dy, w, wDot)
        }
        return y
    }

    /// ∂L/∂X = ∂L/∂Y W, with the tangent (∂L/∂Y)˙ W + ∂L/∂Y Ẇ.
    private static func inputGradient(
        _ dy: DualMatrix, _ w: Matrix<Double>, _ wDot: Matrix<Double>?
    ) -> DualMatrix {
        let dx = DualMatrix(rows: dy.rows, columns: w.columns)
        dx.values.gemm(dy.values, .none, w)
        if let wDot {
            dx.tangents.gemm(dy.tangents, .none, w)
            add(rows: dy.rows, columns: w.columns, to: dx.tangents) { $0.gemm(dy.values, .none, wDot) }
        }
        return dx
    }

    /// Adds what `compute` writes.
    private static func add(
        rows: Int, columns: Int, to sum: Matrix<Double>, _ compute: (Matrix<Double>) -> Void
    ) {
        let memory = AlignedBuffer<Double>(zeroed: rows * columns)
        let term = memory.matrix(rows: rows, columns: columns)
        compute(term)
        sum.add(term)
    }

    /// Y = h(X), Ẏ = h'(X) ∘ Ẋ; backward ∂L/∂X = ∂L/∂Y ∘ h'(X), with the tangent
    /// (∂L/∂Y)˙ ∘ h'(X) + ∂L/∂Y ∘ h''(X) ∘ Ẋ.
    private mutating func activated(_ x: DualMatrix) -> DualMatrix {
        let activation = configuration.activation
        let y = DualMatrix(rows: x.rows, columns: x.columns)
        activation.forward(x.values, into: y.values)
        // The tangents hold h''(X).
        let slopes = DualMatrix(rows: x.rows, columns: x.columns)
        slopes.values.vector.fill(1)
        activation.backward(kept: activation.keepsInput ? x.values : y.values, gradient: slopes.values)
        let hasDirection = direction != nil
        if hasDirection {
            for index in 0..<x.values.count {
                let slope = slopes.values.vector[index]
                slopes.tangents.vector[index] = activation.secondDerivative(
                    x: x.values.vector[index], y: y.values.vector[index], slope: slope)
                y.tangents.vector[index] = slope * x.tangents.vector[index]
            }
        }
        wayBack.append { dy in
            let dx = DualMatrix(rows: x.rows, columns: x.columns)
            for index in 0..<x.values.count {
                let (d, slope) = (dy.values.vector[index], slopes.values.vector[index])
                dx.values.vector[index] = d * slope
                guard hasDirection else { continue }
                dx.tangents.vector[index] =
                    dy.tangents.vector[index] * slope + d * slopes.tangents.vector[index]
                    * x.tangents.vector[index]
            }
            return dx
        }
        return y
    }

    /// Y = γ ∘ X̂ + β, X̂ = (X − μ)/√(σ² + ε), with μ and σ² of each column over the rows (batch norm), of each row over the
    /// columns (layer norm), or given.
    ///
    /// Backward, with G = γ ∘ ∂L/∂Y: ∂L/∂X = (G − mean(G) − X̂ ∘ mean(G ∘ X̂))/√(σ² + ε), without the means where μ and σ² are
    /// given.
    private mutating func normalized(
        _ x: DualMatrix, overRows: Bool, _ given: (mean: Vector<Double>, variance: Vector<Double>)?
    ) -> DualMatrix {
        let (gammaRange, betaRange) = (entries.removeFirst().range, entries.removeFirst().range)
        func parameter(_ place: Int) -> Dual { Dual(parameters[place], direction?[place] ?? 0) }
        let gamma = gammaRange.map(parameter)
        let beta = betaRange.map(parameter)
        let (groups, count) = overRows ? (x.columns, x.rows) : (x.rows, x.columns)
        func place(_ group: Int, _ index: Int) -> (row: Int, column: Int) {
            overRows ? (index, group) : (group, index)
        }
        func mean(_ group: Int, _ term: (_ row: Int, _ column: Int) -> Dual) -> Dual {
            var sum = Dual(0)
            for index in 0..<count {
                let (row, column) = place(group, index)
                sum += term(row, column)
            }
            return sum / Dual(Double(count))
        }

        let normal = DualMatrix(rows: x.rows, columns: x.columns)
        let y = DualMatrix(rows: x.rows, columns: x.columns)
        var scales: [Dual] = []
        for group in 0..<groups {
            let centre = given.map { Dual($0.mean[group]) } ?? mean(group) { x[$0, $1] }
            let variance =
                given.map { Dual($0.variance[group]) }
                ?? mean(group) { row, column in
                    let deviation = x[row, column] - centre
                    return deviation * deviation
                }
            let scale = Dual(1) / (variance + Dual(Self.epsilon)).squareRoot()
            scales.append(scale)
            for index in 0..<count {
                let (row, column) = place(group, index)
                let xHat = (x[row, column] - centre) * scale
                normal[row, column] = xHat
                y[row, column] = gamma[column] * xHat + beta[column]
            }
        }

        let (result, isProduct) = (result, direction != nil)
        wayBack.append { dy in
            for column in 0..<x.columns {
                var (gammaSum, betaSum) = (Dual(0), Dual(0))
                for row in 0..<x.rows {
                    gammaSum += dy[row, column] * normal[row, column]
                    betaSum += dy[row, column]
                }
                result[gammaRange.lowerBound + column] = isProduct ? gammaSum.tangent : gammaSum.value
                result[betaRange.lowerBound + column] = isProduct ? betaSum.tangent : betaSum.value
            }
            let dx = DualMatrix(rows: x.rows, columns: x.columns)
            for group in 0..<groups {
                func g(_ row: Int, _ column: Int) -> Dual { gamma[column] * dy[row, column] }
                let first = given == nil ? mean(group, g) : Dual(0)
                let second = given == nil ? mean(group) { g($0, $1) * normal[$0, $1] } : Dual(0)
                for index in 0..<count {
                    let (row, column) = place(group, index)
                    dx[row, column] = (g(row, column) - first - normal[row, column] * second) * scales[group]
                }
            }
            return dx
        }
        return y
    }

    /// factor · Σ (ln Σ e^z − z_label), and factor · (softmax(Z) − T).
    private static func crossEntropy(
        _ logits: DualMatrix, _ labels: ArraySlice<Int32>, _ factor: Double
    ) -> (loss: Double, gradient: DualMatrix) {
        let gradient = DualMatrix(rows: logits.rows, columns: logits.columns)
        var loss = 0.0
        for (row, label) in labels.enumerated() {
            let largest = (0..<logits.columns).reduce(-Double.infinity) { max($0, logits.values[row, $1]) }
            let powers = (0..<logits.columns).map { (logits[row, $0] - Dual(largest)).exp() }
            let sum = powers.reduce(Dual(0), +)
            loss += PortableMath.log(sum.value) - (logits.values[row, Int(label)] - largest)
            for (column, power) in powers.enumerated() {
                gradient[row, column] =
                    (power / sum - Dual(column == Int(label) ? 1 : 0)) * Dual(factor)
            }
        }
        return (loss * factor, gradient)
    }
}

extension Activation {
    /// h''(x), from x, y = h(x) and h'(x). At a kink, and where h' jumps, it is the one of the side whose h' is taken.
    fileprivate func secondDerivative(x: Double, y: Double, slope: Double) -> Double {
        switch self {
        case .elu: x > 0 ? 0 : slope
        case .relu: 0
        case .tanh: -2 * y * slope
        // (Φ + x φ)' = φ (2 − x²).
        case .gelu: PortableMath.exp(-x * x / 2) / (2 * Double.pi).squareRoot() * (2 - x * x)
        }
    }
}
