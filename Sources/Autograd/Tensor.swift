/// Numbers in double precision with a shape, row-major: a scalar has the shape [], a vector [N], a matrix [M, N].
public struct Tensor: Sendable, Hashable {
    /// The extents, from the outermost axis to the innermost.
    public let shape: [Int]
    /// The numbers, those of the innermost axis side by side.
    public let values: [Double]

    /// A scalar.
    public init(_ value: Double) { self.init(ofShape: [], [value]) }

    /// A vector.
    public init(_ values: [Double]) { self.init(ofShape: [values.count], values) }

    /// A tensor of any shape.
    ///
    /// - Throws: ``AutogradError/valueCount(shape:found:)``.
    public init(shape: [Int], values: [Double]) throws(AutogradError) {
        guard Self.count(shape) == values.count else {
            throw .valueCount(shape: shape, found: values.count)
        }
        self.init(ofShape: shape, values)
    }

    /// A tensor whose values are known to fit its shape.
    init(ofShape shape: [Int], _ values: [Double]) {
        assert(Self.count(shape) == values.count, "\(values.count) values for shape \(shape)")
        (self.shape, self.values) = (shape, values)
    }

    /// The product of the extents; nil where one is negative, or the product is no `Int`.
    static func count(_ shape: [Int]) -> Int? {
        var count = 1
        for extent in shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: extent)
            guard extent >= 0, !overflow else { return nil }
            count = product
        }
        return count
    }

    func map(_ function: (Double) -> Double) -> Tensor { Tensor(ofShape: shape, values.map(function)) }

    /// Both tensors have one shape.
    func combined(with other: Tensor, _ function: (Double, Double) -> Double) -> Tensor {
        Tensor(ofShape: shape, zip(values, other.values).map(function))
    }

    /// A B of matrices that fit.
    func matrixProduct(_ other: Tensor) -> Tensor {
        let (rows, inner, columns) = (shape[0], shape[1], other.shape[1])
        var product = [Double](repeating: 0, count: rows * columns)
        for row in 0..<rows {
            for index in 0..<inner {
                let factor = values[row * inner + index]
                for column in 0..<columns {
                    product[row * columns + column] += factor * other.values[index * columns + column]
                }
            }
        }
        return Tensor(ofShape: [rows, columns], product)
    }

    /// Aᵀ of a matrix.
    func transposed() -> Tensor {
        let (rows, columns) = (shape[0], shape[1])
        return Tensor(
            ofShape: [columns, rows],
            (0..<rows * columns).map { values[$0 % rows * columns + $0 / rows] })
    }
}

// MARK: - Broadcasting, by NumPy's rules

extension Tensor {
    /// The shape to which both broadcast: aligned at the innermost axis, extents must be equal or one of them 1; an axis
    /// that is missing counts as 1. Nil where they do not.
    static func broadcastShape(_ first: [Int], _ second: [Int]) -> [Int]? {
        let axes = max(first.count, second.count)
        let first = Array(repeating: 1, count: axes - first.count) + first
        let second = Array(repeating: 1, count: axes - second.count) + second
        var shape: [Int] = []
        for (a, b) in zip(first, second) {
            guard a == b || a == 1 || b == 1 else { return nil }
            shape.append(a == 1 ? b : a)
        }
        return count(shape) == nil ? nil : shape
    }

    /// The values repeated along the axes that `shape` has more of.
    func broadcast(to shape: [Int]) -> Tensor {
        Tensor(ofShape: shape, Self.places(of: self.shape, in: shape).map { values[$0] })
    }

    /// The opposite way: all values that would be broadcast from one place of `shape` are brought together there, such as by
    /// a sum from 0 on.
    func reduced(to shape: [Int], from initial: Double, _ function: (Double, Double) -> Double) -> Tensor {
        var reduced = [Double](repeating: initial, count: shape.reduce(1, *))
        for (place, value) in zip(Self.places(of: shape, in: self.shape), values) {
            reduced[place] = function(reduced[place], value)
        }
        return Tensor(ofShape: shape, reduced)
    }

    /// For each place of a tensor of shape `large`, in order, the place in one of shape `small` that broadcasts to it.
    private static func places(of small: [Int], in large: [Int]) -> [Int] {
        let small = Array(repeating: 1, count: large.count - small.count) + small
        var strides: [Int] = []
        var stride = 1
        for extent in small.reversed() {
            strides.append(extent == 1 ? 0 : stride)
            stride *= extent
        }
        var places = [0]
        for (extent, stride) in zip(large, strides.reversed()) {
            places = places.flatMap { place in (0..<extent).map { place + $0 * stride } }
        }
        return places
    }
}
