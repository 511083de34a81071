extension Vector where Scalar: TensorScalar {
    /// Adds `other`, of the same count, scalar by scalar.
    public func add(_ other: Vector) {
        precondition(other.count == count, "a sum of \(count) and \(other.count) scalars")
        Scalar.add(count, other.base, base)
    }

    /// Multiplies every scalar by `factor`.
    public func scale(by factor: Scalar) {
        Scalar.scale(count, factor, base)
    }
}
