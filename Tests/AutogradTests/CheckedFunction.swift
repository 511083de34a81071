import Autograd
import Testing

/// A function Σ C ∘ Y of tensors, Y being what `body` computes of them and C fixed numbers, with which autograd's gradient is
/// compared to differences.
struct CheckedFunction: Sendable, CustomTestStringConvertible {
    let name: String
    let shapes: [[Int]]
    /// Whether the function has no meaning below 0.
    let isOfPositives: Bool
    let body: @Sendable ([Value]) throws -> Value

    init(
        _ name: String, _ shapes: [Int]..., isOfPositives: Bool = false,
        _ body: @escaping @Sendable ([Value]) throws -> Value
    ) {
        (self.name, self.shapes, self.isOfPositives, self.body) = (name, shapes, isOfPositives, body)
    }

    var testDescription: String { "\(name) of \(shapes.map { "\($0)" }.joined(separator: ", "))" }

    /// Where it is checked: at least 0.2 away from 0, where some functions have kinks or poles.
    func point() throws -> [Tensor] {
        try shapes.enumerated().map { index, shape in
            let numbers = numbers(shape.reduce(1, *), stream: UInt64(index))
            return try Tensor(shape: shape, values: isOfPositives ? numbers.map(abs) : numbers)
        }
    }

    /// Y at a point.
    private func evaluate(_ point: [Tensor]) throws -> (variables: [Value], y: Value) {
        let tape = Tape()
        let variables = point.enumerated().map { tape.variable("x\($0)", $1) }
        return (variables, try body(variables))
    }

    /// Σ C ∘ Y.
    func value(at point: [Tensor]) throws -> Double {
        let y = try evaluate(point).y.tensor.values
        return zip(numbers(y.count, stream: 100), y).reduce(0) { $0 + $1.0 * $1.1 }
    }

    /// Its gradient by autograd.
    func gradients(at point: [Tensor]) throws -> [Tensor] {
        let (variables, y) = try evaluate(point)
        let gradients = try y.backward(seed: coefficients(y.shape))
        return try variables.map { try gradients[$0].tensor }
    }

    /// Σ D ∘ ∇ for the gradient ∇ and other fixed numbers D, and the gradient of that: the Hessian times D.
    func hessianProduct(at point: [Tensor]) throws -> (value: Double, product: [Tensor]) {
        let (variables, y) = try evaluate(point)
        let gradients = try y.backward(seed: coefficients(y.shape), keepingGraph: true)
        var sum = y.tape.constant(Tensor(0))
        for (index, variable) in variables.enumerated() {
            let gradient = try gradients[variable]
            let direction = try Tensor(
                shape: gradient.shape,
                values: numbers(gradient.tensor.values.count, stream: 200 + UInt64(index)))
            sum = try sum + (gradient * y.tape.constant(direction)).sum()
        }
        // A linear function's gradient is a constant.
        guard sum.wantsGradient else { return (sum.tensor.values[0], point.map { zeros($0.shape) }) }
        let second = try sum.backward()
        return (sum.tensor.values[0], try variables.map { try second[$0].tensor })
    }

    private func coefficients(_ shape: [Int]) throws -> Tensor {
        try Tensor(shape: shape, values: numbers(shape.reduce(1, *), stream: 100))
    }
}

/// Fixed numbers with both signs and sizes between 0.2 and 1.2, by SplitMix64.
func numbers(_ count: Int, stream: UInt64) -> [Double] {
    var state = stream &* 0x9E37_79B9_7F4A_7C15 &+ 77
    return (0..<count).map { _ in
        state &+= 0x9E37_79B9_7F4A_7C15
        var bits = (state ^ state >> 30) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
        bits ^= bits >> 31
        let size = 0.2 + Double(bits >> 11) / 0x1p53
        return bits & 1 == 0 ? size : -size
    }
}

func matrix(_ rows: [Double]...) throws -> Tensor {
    try Tensor(shape: [rows.count, rows[0].count], values: rows.flatMap { $0 })
}

func numbers(_ shape: Int..., stream: UInt64) throws -> Tensor {
    try Tensor(shape: shape, values: numbers(shape.reduce(1, *), stream: stream))
}

func zeros(_ shape: [Int]) -> Tensor {
    do {
        return try Tensor(shape: shape, values: Array(repeating: 0, count: shape.reduce(1, *)))
    } catch {
        preconditionFailure("\(error)")
    }
}

/// Central differences of fourth order, (8 (f(x + h) − f(x − h)) − (f(x + 2h) − f(x − 2h))) / 12h: with h = 10⁻³ they err by
/// about 10⁻¹², from the formula and from rounding alike, for f and x of the order of 1.
func differences(at point: [Tensor], of function: ([Tensor]) throws -> Double) throws -> [Tensor] {
    let step = 1e-3
    return try point.indices.map { block in
        let tensor = point[block]
        let values = try tensor.values.indices.map { index in
            func moved(_ distance: Double) throws -> Double {
                var (values, point) = (tensor.values, point)
                values[index] += distance
                point[block] = try Tensor(shape: tensor.shape, values: values)
                return try function(point)
            }
            let (near, far) = (
                try moved(step) - moved(-step), try moved(2 * step) - moved(-2 * step)
            )
            return (8 * near - far) / (12 * step)
        }
        return try Tensor(shape: tensor.shape, values: values)
    }
}

/// The largest |a − b| / max(|a|, |b|, g/1000) over all entries, g being the largest |b|: entry by entry, so that a wrong one
/// does not drown among many right ones.
func relativeError(_ first: [Tensor], _ second: [Tensor]) -> Double {
    guard first.map(\.shape) == second.map(\.shape) else { return .infinity }
    let (first, second) = (first.flatMap(\.values), second.flatMap(\.values))
    let largest = second.map(abs).max() ?? 0
    return zip(first, second).reduce(0) { worst, pair in
        // Gradients that are 0 everywhere are held against what the differences err by.
        let scale = max(abs(pair.0), abs(pair.1), largest / 1000, 1e-5)
        let error = abs(pair.0 - pair.1) / scale
        return error.isNaN ? .infinity : max(worst, error)
    }
}
