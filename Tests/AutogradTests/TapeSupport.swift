import Autograd
import Testing

extension Tape {
    /// A variable of fixed numbers.
    func variable(_ name: String, _ shape: Int..., stream: UInt64) throws -> Value {
        variable(name, try Tensor(shape: shape, values: numbers(shape.reduce(1, *), stream: stream)))
    }

    /// A constant of fixed numbers.
    func constant(_ shape: Int..., stream: UInt64) throws -> Value {
        constant(try Tensor(shape: shape, values: numbers(shape.reduce(1, *), stream: stream)))
    }

    /// I.
    func identity(_ size: Int) throws -> Value { constant(try .identity(size)) }
}

extension Tensor {
    /// I.
    static func identity(_ size: Int) throws -> Tensor {
        try Tensor(
            shape: [size, size], values: (0..<size * size).map { $0 / size == $0 % size ? 1 : 0 })
    }

    /// 1 at one place, and 0 elsewhere.
    static func unit(_ shape: [Int], at place: Int) throws -> Tensor {
        try Tensor(shape: shape, values: (0..<shape.reduce(1, *)).map { $0 == place ? 1 : 0 })
    }
}

extension Value {
    /// The Jacobian ∂y_i/∂x_j, a row for each number of this value y and a column for each of `x`.
    func jacobian(_ x: Value) throws -> Tensor {
        let rows = try tensor.values.indices.map { index in
            try backward(seed: .unit(shape, at: index), keepingGraph: true)[x].tensor.values
        }
        return try Tensor(shape: [rows.count, x.tensor.values.count], values: rows.flatMap { $0 })
    }
}

/// Both tensors are the same up to rounding.
func expectEqual(_ first: Tensor, _ second: Tensor, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(relativeError([first], [second]) < 1e-10, sourceLocation: sourceLocation)
}

/// Numbers of the order of 1 have cancelled.
func expectZero(_ tensor: Tensor, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(tensor.values.allSatisfy { abs($0) < 1e-13 }, sourceLocation: sourceLocation)
}
