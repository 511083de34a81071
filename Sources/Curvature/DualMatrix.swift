internal import Tensors

/// A number that depends on a parameter t, to first order at t = 0: its value and its derivative, the tangent.
struct Dual {
    var value: Double
    var tangent: Double

    init(_ value: Double, _ tangent: Double = 0) { (self.value, self.tangent) = (value, tangent) }

    static func + (a: Dual, b: Dual) -> Dual { Dual(a.value + b.value, a.tangent + b.tangent) }
    static func - (a: Dual, b: Dual) -> Dual { Dual(a.value - b.value, a.tangent - b.tangent) }
    static func * (a: Dual, b: Dual) -> Dual {
        Dual(a.value * b.value, a.tangent * b.value + a.value * b.tangent)
    }
    static func / (a: Dual, b: Dual) -> Dual {
        let quotient = a.value / b.value
        return Dual(quotient, (a.tangent - quotient * b.tangent) / b.value)
    }
    static func += (a: inout Dual, b: Dual) { a = a + b }

    func squareRoot() -> Dual {
        let root = value.squareRoot()
        return Dual(root, tangent / (2 * root))
    }

    func exp() -> Dual {
        let power = PortableMath.exp(value)
        return Dual(power, power * tangent)
    }
}

/// A matrix of dual numbers, values and tangents each by themselves, so that products of either are the engine's.
final class DualMatrix {
    let rows: Int
    let columns: Int
    /// Whether it does not depend on the parameters: its tangents are 0 and need not be multiplied.
    let isConstant: Bool

    private let numbers: AlignedBuffer<Double>
    private let derivatives: AlignedBuffer<Double>

    /// A matrix of zeros.
    init(rows: Int, columns: Int, isConstant: Bool = false) {
        (self.rows, self.columns, self.isConstant) = (rows, columns, isConstant)
        numbers = AlignedBuffer(zeroed: rows * columns)
        derivatives = AlignedBuffer(zeroed: isConstant ? 0 : rows * columns)
    }

    var values: Matrix<Double> { numbers.matrix(rows: rows, columns: columns) }
    var tangents: Matrix<Double> {
        precondition(!isConstant, "a constant has no tangents")
        return derivatives.matrix(rows: rows, columns: columns)
    }

    /// The entry in a row and a column of a matrix that is no constant.
    subscript(row: Int, column: Int) -> Dual {
        get { Dual(values[row, column], tangents[row, column]) }
        set {
            values[row, column] = newValue.value
            tangents[row, column] = newValue.tangent
        }
    }

    /// Adds another matrix of the same shape.
    func add(_ other: DualMatrix) {
        values.add(other.values)
        tangents.add(other.tangents)
    }
}
