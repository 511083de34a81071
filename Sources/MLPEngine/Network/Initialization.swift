internal import Tensors

/// How a tensor's first values come about.
public enum Initialization: Sendable, Hashable {
    /// All scalars are this value.
    case constant(Double)
    /// Independent normal numbers with mean 0 and this standard deviation.
    case normal(standardDeviation: Double)
    /// The same without those further from 0 than two standard deviations, scaled so that what is left has this one.
    case truncatedNormal(standardDeviation: Double)
    /// Values of another kind, each row of which is seen through a window around a place of its own.
    indirect case windowed(Initialization, GaussianWindow)

    /// The standard deviation of normal numbers without those beyond 2.
    private static let truncatedDeviation = 0.8796256610342398

    /// Gives a tensor its first values; a vector is a matrix of one column.
    ///
    /// They are drawn in double precision and rounded once.
    func fill<Scalar: TensorScalar>(_ tensor: Matrix<Scalar>, seed: UInt64, tensor index: Int) {
        switch self {
        case .constant(let value):
            tensor.vector.fill(Scalar(value))
        case .normal, .truncatedNormal:
            var numbers = NormalNumbers(seed: seed, tensor: index)
            for place in 0..<tensor.count { tensor.vector[place] = Scalar(next(&numbers)) }
        case .windowed(let whole, let window):
            var numbers = NormalNumbers(seed: seed, tensor: index)
            var centres = RandomStream(seed: seed, purpose: .windows, shard: index)
            var row = [Double](repeating: 0, count: tensor.columns)
            for unit in 0..<tensor.rows {
                for column in row.indices { row[column] = whole.next(&numbers) }
                window.apply(to: &row, &centres)
                for column in row.indices { tensor[unit, column] = Scalar(row[column]) }
            }
        }
    }

    /// The next value.
    private func next(_ numbers: inout NormalNumbers) -> Double {
        switch self {
        case .constant(let value):
            return value
        case .normal(let standardDeviation):
            return numbers.next() * standardDeviation
        case .truncatedNormal(let standardDeviation):
            while true {
                let number = numbers.next()
                if abs(number) <= 2 { return number * (standardDeviation / Self.truncatedDeviation) }
            }
        case .windowed(let whole, _):
            return whole.next(&numbers)
        }
    }
}

/// Standard normal numbers, each used that is drawn.
private struct NormalNumbers {
    private var stream: RandomStream
    private var second: Double?

    init(seed: UInt64, tensor: Int) {
        stream = RandomStream(seed: seed, purpose: .initialization, shard: tensor)
    }

    mutating func next() -> Double {
        if let number = second {
            second = nil
            return number
        }
        let pair = stream.normalPair()
        second = pair.1
        return pair.0
    }
}

/// A window on an image, through which a unit of the first layer sees little but what is near a random place: the factor at
/// row r and column c is exp(−((r − r₀)² + (c − c₀)²) / 2σ²), the same in all channels.
///
/// Units that begin so find what neighbouring pixels have in common earlier; nothing keeps them from looking further later.
public struct GaussianWindow: Codable, Sendable, Hashable {
    /// σ, in pixels.
    public let sigma: Double
    /// Colour planes of an image.
    public let channels: Int
    /// Rows of an image.
    public let height: Int
    /// Columns of an image.
    public let width: Int

    /// A window on images of this shape.
    public init(sigma: Double, channels: Int, height: Int, width: Int) {
        precondition(sigma > 0, "a window of \(sigma) pixels")
        (self.sigma, self.channels, self.height, self.width) = (sigma, channels, height, width)
    }

    /// Multiplies a unit's weights by the window around a random place, and then all by what gives them the norm that they had.
    fileprivate func apply(to weights: inout [Double], _ random: inout RandomStream) {
        precondition(weights.count == channels * height * width, "no weights for \(self)")
        func factors(_ side: Int) -> [Double] {
            let centre = random.uniform() * Double(side) - 0.5
            return (0..<side).map { place in
                let distance = (Double(place) - centre) / sigma
                return PortableMath.exp(-distance * distance / 2)
            }
        }
        let (ofRow, ofColumn) = (factors(height), factors(width))
        var (before, after) = (0.0, 0.0)
        for index in weights.indices {
            before += weights[index] * weights[index]
            weights[index] *= ofRow[index / width % height] * ofColumn[index % width]
            after += weights[index] * weights[index]
        }
        guard after > 0 else { return }
        let scale = (before / after).squareRoot()
        for index in weights.indices { weights[index] *= scale }
    }
}

/// By what rule weights begin.
public enum InitialWeights: String, Codable, Sendable, CaseIterable {
    /// Normal numbers with standard deviation √(2/M) for M inputs, √(1/M) in the input layer: PyTorch's `kaiming_normal_`.
    ///
    /// Source: He, Zhang, Ren, Sun, "Delving deep into rectifiers", ICCV 2015.
    case kaiming
    /// Normal numbers with standard deviation √(1/M) in every layer, none beyond two of the normal numbers' own: JAX's
    /// `lecun_normal`.
    ///
    /// Source: LeCun, Bottou, Orr, Müller, "Efficient backprop", 1998.
    case lecun
}
