internal import Foundation

// Each operation computes its numbers and tells, operand by operand, how ∂L/∂(result) becomes ∂L/∂(operand). G stands for
// ∂L/∂(result) in the comments, X, A and B for operands and Y for the result.

// MARK: - Arithmetic, with NumPy's broadcasting

extension Value {
    /// A + B, element by element.
    public static func + (a: Value, b: Value) throws(AutogradError) -> Value {
        let (a, b) = try broadcast("add", a, b)
        return try a.tape.record(
            "add", [a, b], a.tensor.combined(with: b.tensor, +), [{ $0.gradient }, { $0.gradient }])
    }

    /// A − B, element by element.
    public static func - (a: Value, b: Value) throws(AutogradError) -> Value {
        let (a, b) = try broadcast("subtract", a, b)
        return try a.tape.record(
            "subtract", [a, b], a.tensor.combined(with: b.tensor, -),
            [{ $0.gradient }, { try -$0.gradient }])
    }

    /// A ∘ B, element by element.
    public static func * (a: Value, b: Value) throws(AutogradError) -> Value {
        let (a, b) = try broadcast("multiply", a, b)
        return try a.tape.record(
            "multiply", [a, b], a.tensor.combined(with: b.tensor, *),
            [
                { try $0.gradient * $0.operands[1] },
                { try $0.gradient * $0.operands[0] },
            ])
    }

    /// A ⊘ B, element by element: ∂L/∂A = G ⊘ B, ∂L/∂B = −G ∘ Y ⊘ B.
    public static func / (a: Value, b: Value) throws(AutogradError) -> Value {
        let (a, b) = try broadcast("divide", a, b)
        return try a.tape.record(
            "divide", [a, b], a.tensor.combined(with: b.tensor, /),
            [
                { try $0.gradient / $0.operands[1] },
                { try -($0.gradient * $0.result / $0.operands[1]) },
            ])
    }

    /// −X.
    public static prefix func - (x: Value) throws(AutogradError) -> Value { try x * -1 }

    /// X + c.
    public static func + (x: Value, c: Double) throws(AutogradError) -> Value {
        try x.elementwise("add \(c)", { $0 + c }) { $0.gradient }
    }

    /// c + X.
    public static func + (c: Double, x: Value) throws(AutogradError) -> Value { try x + c }

    /// X − c.
    public static func - (x: Value, c: Double) throws(AutogradError) -> Value { try x + -c }

    /// c − X.
    public static func - (c: Double, x: Value) throws(AutogradError) -> Value { try -x + c }

    /// c X.
    public static func * (x: Value, c: Double) throws(AutogradError) -> Value {
        try x.elementwise("multiply by \(c)", { $0 * c }) { try $0.gradient * c }
    }

    /// c X.
    public static func * (c: Double, x: Value) throws(AutogradError) -> Value { try x * c }

    /// X / c.
    public static func / (x: Value, c: Double) throws(AutogradError) -> Value {
        try x.elementwise("divide by \(c)", { $0 / c }) { try $0.gradient / c }
    }

    /// c ⊘ X.
    public static func / (c: Double, x: Value) throws(AutogradError) -> Value { try x.power(-1) * c }

    /// Both operands in the shape to which they broadcast. That gradients are summed over the axes along which an operand
    /// was repeated is ``broadcast(to:)``'s rule, and no other's.
    private static func broadcast(
        _ operation: String, _ a: Value, _ b: Value
    ) throws(AutogradError) -> (Value, Value) {
        guard let shape = Tensor.broadcastShape(a.shape, b.shape) else {
            throw .shapes(
                operation: operation, found: [a.shape, b.shape], expected: "shapes that broadcast to one")
        }
        return (try a.broadcast(to: shape), try b.broadcast(to: shape))
    }

    /// A function of each element, and its rule.
    private func elementwise(
        _ operation: String, _ function: (Double) -> Double, rule: @escaping Tape.Rule
    ) throws(AutogradError) -> Value {
        try tape.record(operation, [self], tensor.map(function), [rule])
    }
}

// MARK: - Shapes and sums

extension Value {
    /// The value repeated to `shape` by NumPy's rules: ∂L/∂X is the sum of G over the axes along which it was repeated.
    public func broadcast(to shape: [Int]) throws(AutogradError) -> Value {
        guard shape != self.shape else { return self }
        guard Tensor.broadcastShape(self.shape, shape) == shape else {
            throw .shapes(
                operation: "broadcast", found: [self.shape], expected: "a shape that broadcasts to \(shape)")
        }
        return try tape.record(
            "broadcast", [self], tensor.broadcast(to: shape),
            [
                { try $0.gradient.summed(to: $0.operands[0].shape) }
            ])
    }

    /// The sums of all that would be broadcast from one place of `shape`: the opposite of ``broadcast(to:)``, and its rule.
    private func summed(to shape: [Int]) throws(AutogradError) -> Value {
        guard shape != self.shape else { return self }
        return try tape.record(
            "sum", [self], tensor.reduced(to: shape, from: 0, +),
            [
                { try $0.gradient.broadcast(to: $0.operands[0].shape) }
            ])
    }

    /// The same numbers in another shape.
    public func reshape(_ shape: [Int]) throws(AutogradError) -> Value {
        guard shape != self.shape else { return self }
        guard Tensor.count(shape) == tensor.values.count else {
            throw .shapes(
                operation: "reshape", found: [self.shape], expected: "as many numbers as \(shape) has")
        }
        return try tape.record(
            "reshape", [self], Tensor(ofShape: shape, tensor.values),
            [{ try $0.gradient.reshape($0.operands[0].shape) }])
    }

    /// The sum over some axes, or over all.
    ///
    /// - Parameters:
    ///   - axes: The axes, counted from the outermost, or below 0 from behind the innermost; nil for all.
    ///   - keepingAxes: Whether these axes stay, with extent 1, so that the result broadcasts against the operand.
    public func sum(_ axes: [Int]? = nil, keepingAxes: Bool = false) throws(AutogradError) -> Value {
        let (kept, dropped) = try shapes(without: axes, "sum")
        return try summed(to: kept).reshape(keepingAxes ? kept : dropped)
    }

    /// The mean over some axes, or over all; see ``sum(_:keepingAxes:)``.
    public func mean(_ axes: [Int]? = nil, keepingAxes: Bool = false) throws(AutogradError) -> Value {
        let sum = try sum(axes, keepingAxes: keepingAxes)
        return try sum / (Double(tensor.values.count) / Double(sum.tensor.values.count))
    }

    /// The largest number along some axes, or of all; see ``sum(_:keepingAxes:)``.
    ///
    /// Where several are the largest, the gradient is divided equally among them.
    public func max(_ axes: [Int]? = nil, keepingAxes: Bool = false) throws(AutogradError) -> Value {
        let (kept, dropped) = try shapes(without: axes, "max")
        guard !tensor.values.isEmpty else {
            throw .shapes(operation: "max", found: [shape], expected: "at least one number")
        }
        let largest = tensor.reduced(to: kept, from: -.infinity) { $0.isNaN || $0 > $1 ? $0 : $1 }
        let isLargest = tensor.combined(with: largest.broadcast(to: shape)) { $0 == $1 ? 1 : 0 }
        let count = isLargest.reduced(to: kept, from: 0, +).broadcast(to: shape)
        let shares = isLargest.combined(with: count, /)
        return try tape.record(
            "max", [self], largest,
            [
                { try $0.gradient.broadcast(to: shares.shape) * $0.gradient.tape.constant(shares) }
            ]
        ).reshape(keepingAxes ? kept : dropped)
    }

    /// This shape with extent 1 in place of the axes, and without them.
    private func shapes(
        without axes: [Int]?, _ operation: String
    ) throws(AutogradError) -> (kept: [Int], dropped: [Int]) {
        var wanted = Set<Int>()
        for axis in axes ?? Array(shape.indices) {
            guard axis >= -shape.count, axis < shape.count else {
                throw .axis(operation: operation, axis: axis, shape: shape)
            }
            wanted.insert(axis < 0 ? axis + shape.count : axis)
        }
        return (
            shape.indices.map { wanted.contains($0) ? 1 : shape[$0] },
            shape.indices.filter { !wanted.contains($0) }.map { shape[$0] }
        )
    }
}

// MARK: - Matrices

extension Value {
    /// A B of matrices [M, K] and [K, N]: ∂L/∂A = G Bᵀ, ∂L/∂B = Aᵀ G.
    public func matrixProduct(_ other: Value) throws(AutogradError) -> Value {
        guard shape.count == 2, other.shape.count == 2, shape[1] == other.shape[0] else {
            throw .shapes(
                operation: "matrix product", found: [shape, other.shape], expected: "[M, K] and [K, N]")
        }
        return try tape.record(
            "matrix product", [self, other], tensor.matrixProduct(other.tensor),
            [
                { try $0.gradient.matrixProduct($0.operands[1].transpose()) },
                { try $0.operands[0].transpose().matrixProduct($0.gradient) },
            ])
    }

    /// Aᵀ of a matrix.
    public func transpose() throws(AutogradError) -> Value {
        guard shape.count == 2 else {
            throw .shapes(operation: "transpose", found: [shape], expected: "a matrix")
        }
        return try tape.record(
            "transpose", [self], tensor.transposed(),
            [{ try $0.gradient.transpose() }])
    }
}

// MARK: - Functions of each element

extension Value {
    /// eˣ, whose derivative it is.
    public func exp() throws(AutogradError) -> Value {
        try elementwise("exp", { Foundation.exp($0) }) { try $0.gradient * $0.result }
    }

    /// ln x, with derivative 1/x.
    public func log() throws(AutogradError) -> Value {
        try elementwise("log", { Foundation.log($0) }) { try $0.gradient / $0.operands[0] }
    }

    /// tanh x, with derivative 1 − tanh² x.
    public func tanh() throws(AutogradError) -> Value {
        try elementwise("tanh", { Foundation.tanh($0) }) { try $0.gradient * (1 - $0.result * $0.result) }
    }

    /// erf x = 2/√π ∫₀ˣ e^(−t²) dt, with derivative 2/√π e^(−x²).
    public func erf() throws(AutogradError) -> Value {
        try elementwise("erf", { Foundation.erf($0) }) { step in
            let x = step.operands[0]
            return try step.gradient * ((-(x * x)).exp() * (2 / Double.pi.squareRoot()))
        }
    }

    /// xᵖ, with derivative p xᵖ⁻¹; x⁰ is 1 everywhere, with derivative 0.
    public func power(_ exponent: Double) throws(AutogradError) -> Value {
        try elementwise("power \(exponent)", { pow($0, exponent) }) { step in
            // Not 0 times a power below 0, which is infinite at x = 0.
            if exponent == 0 { return try step.gradient * 0 }
            return try step.gradient * (step.operands[0].power(exponent - 1) * exponent)
        }
    }

    /// max(x, 0). Its derivative at the kink x = 0 is 0, as the engine's is.
    public func relu() throws(AutogradError) -> Value {
        let isPositive = tensor.map { $0 > 0 ? 1 : 0 }
        return try elementwise("ReLU", { $0 > 0 ? $0 : 0 }) {
            try $0.gradient * $0.gradient.tape.constant(isPositive)
        }
    }

    /// x for x > 0, and α (eˣ − 1) otherwise, with derivative 1 or y + α. At x = 0, a kink unless α = 1, the derivative is
    /// the one from the left, α, as the engine's is.
    public func elu(alpha: Double = 1) throws(AutogradError) -> Value {
        let isPositive = tensor.map { $0 > 0 ? 1 : 0 }
        return try elementwise("ELU", { $0 > 0 ? $0 : alpha * expm1($0) }) { step in
            let isPositive = step.gradient.tape.constant(isPositive)
            return try step.gradient * (isPositive + (1 - isPositive) * (step.result + alpha))
        }
    }

    /// x Φ(x) with the normal distribution's function Φ(x) = (1 + erf(x/√2))/2.
    public func gelu() throws(AutogradError) -> Value {
        try self * ((self / 2.0.squareRoot()).erf() + 1) * 0.5
    }
}
