public import Tensors

/// Where each named tensor lies in a flat buffer: parameters, their gradients and the optimizer's state all have
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
        /// How its gradient comes together; nil for tensors that no gradient belongs to, such as running statistics.
        public let gradient: GradientRule?
    }

    /// The tensors in order.
    public private(set) var entries: [Entry] = []

    /// The number of scalars in all tensors together.
    public var count: Int { entries.last?.range.upperBound ?? 0 }

    /// An empty layout.
    public init() {}

    /// Appends a tensor and returns the scalars it takes.
    public mutating func append(
        name: String, shape: [Int], initialization: Initialization, gradient: GradientRule? = nil
    ) -> Range<Int> {
        let range = count..<count + shape.reduce(1, *)
        entries.append(
            Entry(
                name: name, shape: shape, range: range, initialization: initialization, gradient: gradient))
        return range
    }

    /// Appends a vector whose gradient is a sum over rows that its layer forms part by part.
    public mutating func appendVector(
        name: String, count: Int, initialization: Initialization
    ) -> VectorParameter {
        let start = partSumCount
        let range = append(name: name, shape: [count], initialization: initialization, gradient: .partSums)
        return VectorParameter(range: range, sums: start..<start + count)
    }

    /// The scalars of all tensors whose gradients are sums of parts.
    public var partSumCount: Int {
        entries.reduce(0) { $0 + ($1.gradient == .partSums ? $1.range.count : 0) }
    }

    /// Checks that every tensor's gradient comes together by some rule that fits its shape, so that none stays silently as
    /// it was initialised.
    ///
    /// - Throws: ``ParameterWithoutRule`` for the first that does not.
    public func checkGradientRules() throws(ParameterWithoutRule) {
        for entry in entries {
            let extents =
                switch entry.gradient {
                case .product: 2
                case .rowSum, .partSums: 1
                case nil: -1
                }
            guard entry.shape.count == extents else {
                throw ParameterWithoutRule(name: entry.name, shape: entry.shape, rule: entry.gradient)
            }
        }
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
            entry.initialization.fill(
                values[entry.range].matrix(
                    rows: entry.shape[0], columns: entry.range.count / max(1, entry.shape[0])),
                seed: seed, tensor: index)
        }
    }
}

/// How the gradient of a parameter comes together from the rows of a global batch, wherever they are.
public enum GradientRule: Sendable, Hashable {
    /// A matrix [N, M], the product (∂L/∂Y)ᵀ X of the factors that the linear layer of this number hands in.
    case product(linear: Int)
    /// A vector [N], the sum 1ᵀ ∂L/∂Y over the rows that the linear layer of this number hands in.
    case rowSum(linear: Int)
    /// A vector whose layer sums over the rows of each part; the parts' sums are added in ``PartTree``'s order.
    case partSums
}

/// Where a vector, or several behind one another, whose gradient is a sum of parts lies.
public struct VectorParameter: Sendable, Hashable {
    /// In a buffer of the parameters' layout.
    public let range: Range<Int>
    /// Among the sums of parts of the whole layout.
    public let sums: Range<Int>

    /// This vector and the next one.
    func joined(with next: VectorParameter) -> VectorParameter {
        precondition(range.upperBound == next.range.lowerBound, "vectors apart from one another")
        return VectorParameter(
            range: range.lowerBound..<next.range.upperBound, sums: sums.lowerBound..<next.sums.upperBound)
    }
}

/// A parameter whose gradient no rule brings together: the network cannot be trained.
public struct ParameterWithoutRule: Error, CustomStringConvertible {
    /// The tensor's name.
    public let name: String
    /// Its extents.
    public let shape: [Int]
    /// A rule that does not fit its shape, or nil.
    public let rule: GradientRule?

    /// Names the tensor, what it has, and what is expected.
    public var description: String {
        "parameter \(name): expected a rule by which its gradient comes together (a matrix of a linear layer, a vector as a"
            + " sum over rows), found \(rule.map { "\($0)" } ?? "none") for shape \(shape)"
    }
}
