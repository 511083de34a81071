public import Tensors

/// Where each named tensor lies in a flat buffer: parameters, their gradients and the optimiser's state all have
/// one identical layout.
///
/// Tensors stand one after another without gaps, in the order of the forward pass, so that the backward pass
/// completes the buffer from its tail.
public struct ParameterLayout: Sendable, Hashable {
    /// One tensor of the layout.
    public struct Entry: Sendable, Hashable {
        /// PyTorch's name for it, such as `layers.0.weight`.
        public let name: String
        /// The extents, row-major.
        public let shape: [Int]
        /// The scalars it takes.
        public let range: Range<Int>
        /// How its first values come about.
        public let initialization: Initialization
    }

    /// The tensors in order.
    public private(set) var entries: [Entry] = []

    /// The number of scalars in all tensors together.
    public var count: Int { entries.last?.range.upperBound ?? 0 }

    /// An empty layout.
    public init() {}

    /// Appends a tensor and returns the scalars it takes.
    public mutating func append(name: String, shape: [Int], initialization: Initialization) -> Range<Int> {
        let range = count..<count + shape.reduce(1, *)
        entries.append(Entry(name: name, shape: shape, range: range, initialization: initialization))
        return range
    }

    /// Gives every tensor in `values` its first values.
    ///
    /// Each tensor draws from a random stream of its own, so the values depend on the seed, the tensor's place
    /// in the layout and nothing else; they are drawn in double precision and rounded once.
    ///
    /// - Parameters:
    ///   - values: A buffer of this layout.
    ///   - seed: The run's seed.
    public func initialize<Scalar: TensorScalar>(_ values: Vector<Scalar>, seed: UInt64) {
        precondition(values.count == count, "\(values.count) scalars for a layout of \(count)")
        for (index, entry) in entries.enumerated() {
            let tensor = values[entry.range]
            switch entry.initialization {
            case .constant(let value):
                tensor.fill(Scalar(value))
            case .normal(let standardDeviation):
                var stream = RandomStream(seed: seed, purpose: .initialization, shard: index)
                for pair in stride(from: 0, to: tensor.count, by: 2) {
                    let (first, second) = stream.normalPair()
                    tensor[pair] = Scalar(first * standardDeviation)
                    if pair + 1 < tensor.count { tensor[pair + 1] = Scalar(second * standardDeviation) }
                }
            }
        }
    }
}
