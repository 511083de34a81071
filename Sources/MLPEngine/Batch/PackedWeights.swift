public import Tensors

/// The memory in which a network's weights stand once more, packed for products. Several ``LinearProducts`` can share it.
public struct PackedWeights<Scalar: TensorScalar>: Sendable {
    /// The weights as numbers: of all linear modules, or of all but the first.
    public let numbers: Vector<Scalar>
    /// Those of the first module as bytes, where its products with pixels are taken in integers.
    public let slices: Int8Weights?

    /// Takes memory for the weights of `network`.
    ///
    /// - Parameters:
    ///   - numbers: As many scalars as ``count(of:withSlices:)`` says.
    ///   - slices: Memory for the first module's.
    public init(numbers: Vector<Scalar>, slices: Int8Weights? = nil) {
        (self.numbers, self.slices) = (numbers, slices)
    }

    /// The scalars that the weights of `network` take, without the first module's if they stand as bytes.
    public static func count(of network: Sequential, withSlices: Bool = false) -> Int {
        network.linears.dropFirst(withSlices ? 1 : 0).reduce(0) {
            $0 + PackedMatrix<Scalar>.count(rows: $1.inputs, columns: $1.outputs)
        }
    }
}
