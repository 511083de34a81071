internal import Collectives
public import Datasets
internal import Digests
public import Tensors

/// The map that whitens images, from bytes to bytes.
///
/// With x = (p / 255 − mean_c) / std_c, the standardised pixels, their mean μ and their covariance C over the training
/// images, ZCA's whitening is
///
///     z = W (x − μ),   W = (C + ε I)^(−½)
///
/// and a byte is 128 + z / σ · 127 / 4, rounded and cut off at 0 and 255, with σ² the mean variance of z over the training
/// images. With ε = 0 the covariance of z would be I; W is the symmetric one of all such matrices, so that z looks like
/// its image.
///
/// σ² follows from W: tr(W C W) / d = tr(I − ε W²) / d.
///
/// Source: Krizhevsky, "Learning multiple layers of features from tiny images", 2009, appendix A (ZCA); Bell, Sejnowski,
/// "The 'independent components' of natural scenes are edge filters", 1997.
public final class WhiteningMap: Sendable {
    /// What becomes the largest byte, in deviations of all pixels of the training images together.
    public static let clippedDeviation = 4.0
    /// Bytes from 0 to there.
    private static let largestByteDistance = 127.0
    /// The byte of 0.
    static let zeroByte: UInt8 = 128
    /// Rows of images that are mapped at once.
    private static let blockRows = 512

    /// d, the bytes of an image.
    public let imageBytes: Int
    /// [d, d]: entry (p, o) is what byte p, less 128, adds to byte o.
    let weights: SharedMatrix
    /// [d]: what is added to each byte, less 128.
    let offsets: [Float]

    init(weights: SharedMatrix, offsets: [Float]) {
        (self.weights, self.offsets, imageBytes) = (weights, offsets, offsets.count)
    }

    /// The SHA-256 of all its numbers, in hexadecimal.
    public var sha256: String {
        var digest = Digest.sha256()
        digest.update(UnsafeRawBufferPointer(UnsafeBufferPointer(weights.matrix.vector.buffer)))
        offsets.withUnsafeBytes { digest.update($0) }
        return digest.hexadecimal
    }

    /// Whitens images.
    ///
    /// - Parameters:
    ///   - images: [n, d], one behind the other.
    ///   - team: The threads that do it.
    /// - Returns: The whitened ones, and how many of their bytes were cut off.
    public func apply(to images: [UInt8], _ team: WorkerTeam) -> (images: [UInt8], clipped: Int) {
        var whitened = images
        let clipped = whitened.withUnsafeMutableBufferPointer { whiten($0, team) }
        return (whitened, clipped)
    }

    /// Whitens images in place.
    ///
    /// - Returns: How many bytes were cut off.
    func whiten(_ images: UnsafeMutableBufferPointer<UInt8>, _ team: WorkerTeam) -> Int {
        guard let base = images.baseAddress else { return 0 }
        let columns = imageBytes
        let rows = images.count / columns
        let width = SymmetricStrips.width
        let strips = (columns + width - 1) / width
        let affine = AlignedBuffer<Float>(zeroed: 2)
        (affine.vector[0], affine.vector[1]) = (1, -PixelMoments.centre)
        // Every thread that computes a strip needs the bytes of whole rows as they were.
        let room = min(rows, Self.blockRows)
        let originals = AlignedBuffer<UInt8>(zeroed: room * columns)
        let counts = AlignedBuffer<Int>(zeroed: strips)
        let constants = AlignedBuffer<Float>(zeroed: columns)
        _ = constants.vector.buffer.update(fromContentsOf: offsets)
        for first in stride(from: 0, to: rows, by: Self.blockRows) {
            let count = min(Self.blockRows, rows - first)
            let original = originals.matrix(rows: count, columns: columns)
            let target = Matrix(base: base + first * columns, rows: count, columns: columns)
            original.vector.copy(from: target.vector)
            let pixels = PixelMatrix(
                original, scale: affine.vector[0..<1], shift: affine.vector[1..<2])
            let (sums, numbers, added) = (counts.vector, weights.matrix, constants.vector)
            team.run(strips) { strip in
                let range = strip * width..<min((strip + 1) * width, columns)
                let memory = AlignedBuffer<Float>(
                    zeroed: PackedMatrix<Float>.count(rows: columns, columns: range.count))
                let scratch = AlignedBuffer<Float>(zeroed: Float.gemmScratch)
                let result = AlignedBuffer<Float>(zeroed: count * range.count)
                let packed = PackedMatrix(memory.vector, rows: columns, columns: range.count)
                packed.pack(StridedMatrix(numbers, columns: range))
                let product = result.matrix(rows: count, columns: range.count)
                product.gemm(pixels, packed, scratch: scratch.vector)
                for row in 0..<count {
                    sums[strip] += Self.round(
                        product.base + row * range.count, offsets: added.base + range.lowerBound,
                        into: target.base + row * columns + range.lowerBound, count: range.count)
                }
            }
        }
        return counts.vector.array.reduce(0, +)
    }

    /// Writes numbers as bytes.
    ///
    /// - Returns: How many were cut off.
    private static func round(
        _ numbers: UnsafePointer<Float>, offsets: UnsafePointer<Float>,
        into bytes: UnsafeMutablePointer<UInt8>,
        count: Int
    ) -> Int {
        // What is added to a Float below 2²² leaves whole numbers, rounded to the nearest, of two to the even one.
        let rounding: Float = 0x1.8p23
        var clipped: Int32 = 0
        for index in 0..<count {
            let number = numbers[index] + offsets[index]
            let inside = max(-128, min(127, number))
            bytes[index] = UInt8(
                truncatingIfNeeded: Int32((inside + rounding) - rounding) &+ Int32(zeroByte))
            clipped &+= number > 127.5 || number < -128.5 ? 1 : 0
        }
        return Int(clipped)
    }
}

extension ImageFormat {
    /// What images like these are when whitened.
    public var whitened: ImageFormat {
        ImageFormat(
            name: name, channels: channels, height: height, width: width, classNames: classNames,
            mean: mean.map { _ in Float(WhiteningMap.zeroByte) / 255 },
            standardDeviation: mean.map { _ in Float(WhiteningMap.bytesPerDeviation / 255) },
            paddingByte: WhiteningMap.zeroByte)
    }
}

extension WhiteningMap {
    /// A linear layer that reads whitened numbers as one that reads standardised pixels. Rounded as Floats, no byte is rounded
    /// or cut off in it.
    ///
    /// - Parameters:
    ///   - weights: [N, d].
    ///   - biases: [N].
    ///   - format: What the images are before they are whitened.
    /// - Returns: The same of the other layer.
    /// - Throws: `AllocationError`.
    public func folded(
        weights layer: [Float], biases: [Float], format: ImageFormat
    ) throws -> (weights: [Float], biases: [Float]) {
        let (n, d) = (biases.count, imageBytes)
        precondition(layer.count == n * d && format.imageBytes == d, "a layer of \(layer.count) weights")
        let left = try AlignedBuffer<Double>(allocating: n * d)
        let right = try AlignedBuffer<Double>(allocating: d * d)
        let product = try AlignedBuffer<Double>(allocating: n * d)
        for (index, weight) in layer.enumerated() {
            left.vector[index] = Double(weight) / Self.bytesPerDeviation
        }
        for index in 0..<d * d { right.vector[index] = Double(self.weights.matrix.base[index]) }
        // F = W₁ Mᵀ for bytes less 128, whatever they are, and W₁ applied to what M adds.
        product.matrix(rows: n, columns: d).gemm(
            left.matrix(rows: n, columns: d), .none, right.matrix(rows: d, columns: d), .transposed)
        var weights = [Float](repeating: 0, count: n * d)
        let constants = (0..<n).map { row in
            var constant = Double(biases[row])
            for column in 0..<d {
                let channel = column / format.planeBytes
                let (weight, mean) = (product.vector[row * d + column], Double(format.mean[channel]))
                // A byte is 255 (std x + mean).
                weights[row * d + column] = Float(weight * 255 * Double(format.standardDeviation[channel]))
                constant += weight * (255 * mean - Double(PixelMoments.centre))
                constant += left.vector[row * d + column] * Double(offsets[column])
            }
            return Float(constant)
        }
        return (weights, constants)
    }
}

// MARK: - Computing it

extension WhiteningMap {
    /// The bytes of a deviation.
    static var bytesPerDeviation: Double { largestByteDistance / clippedDeviation }

    /// How a map was computed.
    struct Computation {
        let iterations: Int
        /// The largest entry of |W (C + ε I) W − I|.
        let residual: Double
    }

    /// Computes the map from training images. Collective: every rank must call it.
    ///
    /// Where there are fewer images n than bytes d of each, the matrix [n, n] of the images' inner products says all that the
    /// covariance does: with X the images that are standardised, less their mean, K = X Xᵀ / n, and A = K + ε I,
    ///
    ///     W = ε^(−½) I − Xᵀ M X / n,   M = ε^(−½) A^(−½) (A^(½) + ε^(½) I)^(−1)
    ///
    /// and the last factor is the inverse square root of its square, A + 2 ε^(½) A^(½) + ε I.
    ///
    /// - Parameters:
    ///   - own: Images, one behind the other.
    ///   - places: Those of them of which this rank adds up the moments: all ranks together have each training image once.
    ///   - count: The number of training images n, of all ranks together.
    ///   - all: Reads all of them, where there are fewer than bytes of an image.
    ///   - format: What the images are.
    ///   - epsilon: ε.
    ///   - workers: Who computes.
    /// - Throws: An `AgreedFailure`, or the communicator's error.
    static func compute(
        own: [UInt8], at places: [Int], count: Int, all: () throws -> [UInt8], format: ImageFormat,
        epsilon: Double,
        _ workers: Workers
    ) throws -> (map: WhiteningMap, computation: Computation) {
        let communicator = workers.communicator
        let d = format.imageBytes
        let scales = (0..<d).map { 1 / (255 * Double(format.standardDeviation[$0 / format.planeBytes])) }
        let isDual = count < d
        let moments = try PixelMoments(own, at: places, imageBytes: d, withProducts: !isDual, workers)
        let (w, variance, computation) =
            isDual
            ? try dual(
                try communicator.agree(on: "reading the training images") { try all() }, moments, scales,
                epsilon, workers)
            : try primal(moments, scales, epsilon, workers)
        // Rounding leaves about 10⁻¹⁶ of images that are all alike.
        guard variance > 1e-9 else {
            throw WhiteningFailure(
                description: "--whiten: expected training images that differ, found \(count) alike",
                shouldReport: communicator.rank == 0)
        }
        let weights = try communicator.agree(on: "making room for the whitening") {
            try SharedMatrix(rows: d, columns: d)
        }
        let factor = bytesPerDeviation / variance.squareRoot()
        let means = moments.means.map { $0 - Double(PixelMoments.centre) }
        var offsets = [Double](repeating: 0, count: d)
        for p in 0..<d {
            let (source, target) = (w.matrix.base + p * d, weights.matrix.base + p * d)
            let (scale, mean) = (factor * scales[p], means[p])
            for o in 0..<d {
                target[o] = Float(source[o] * scale)
                offsets[o] -= Double(target[o]) * mean
            }
        }
        return (WhiteningMap(weights: weights, offsets: offsets.map { Float($0) }), computation)
    }

    /// W from the covariance of the pixels, and the mean variance of z.
    private static func primal(
        _ moments: PixelMoments, _ scales: [Double], _ epsilon: Double, _ workers: Workers
    ) throws -> (SquareMatrix, variance: Double, Computation) {
        let a = moments.covariance(scales: scales)
        a.transform(factor: 1, diagonal: epsilon)
        let roots = try InverseSquareRoot(of: a, smallest: epsilon, workers)
        let (w, iterations) = (roots.inverse, roots.iterations)
        let residual = try roots.residual(of: a, workers)
        let variance = (Double(w.order) - epsilon * w.sumOfSquares) / Double(w.order)
        return (w, variance, Computation(iterations: iterations, residual: try check(residual, workers)))
    }

    /// The same from the inner products of the images.
    private static func dual(
        _ images: [UInt8], _ moments: PixelMoments, _ scales: [Double], _ epsilon: Double, _ workers: Workers
    ) throws -> (SquareMatrix, variance: Double, Computation) {
        let (communicator, team) = (workers.communicator, workers.team)
        let (n, d) = (moments.count, scales.count)
        let root = epsilon.squareRoot()
        // X and Xᵀ, and later Xᵀ M in Xᵀ's place.
        let (x, transposed) = try communicator.agree(on: "making room for the training images") {
            (try DoubleMatrix(rows: n, columns: d), try DoubleMatrix(rows: d, columns: n))
        }
        let means = moments.means
        for image in 0..<n {
            for p in 0..<d {
                let value = (Double(images[image * d + p]) - means[p]) * scales[p]
                x.matrix.base[image * d + p] = value
                transposed.matrix.base[p * n + image] = value
            }
        }
        let (a, other, m) = try communicator.agree(on: "making room for the inner products") {
            (try SymmetricStrips(order: n), try SymmetricStrips(order: n), try SquareMatrix(order: n))
        }
        try a.setProduct(x.matrix, transposed.matrix, workers)
        a.transform(factor: 1 / Double(n), diagonal: epsilon)
        let roots = try InverseSquareRoot(of: a, smallest: epsilon, workers)
        let inverse = roots.inverse
        other.copy(from: a)
        other.add(roots.root, factor: 2 * root)
        other.transform(factor: 1, diagonal: epsilon)
        let shifted = try InverseSquareRoot(of: other, smallest: 4 * epsilon, workers)
        let residual = max(
            try check(try roots.residual(of: a, workers), workers),
            try check(try shifted.residual(of: other, workers), workers))
        other.transform(factor: 0, diagonal: 0)
        try other.setProduct(inverse.matrix, shifted.inverse.matrix, workers)
        other.expand(into: m, team)
        m.scale(by: 1 / root)

        let (w, strips) = try communicator.agree(on: "making room for the whitening") {
            (try SquareMatrix(order: d), try SymmetricStrips(order: d))
        }
        transposed.multiply(by: m.matrix, team)
        try strips.setProduct(transposed.matrix, x.matrix, workers)
        strips.transform(factor: -1 / Double(n), diagonal: 1 / root)
        strips.expand(into: w, team)
        // The sum of λ / (λ + ε) over K's eigenvalues; the others are 0.
        let variance = (Double(n) - epsilon * inverse.sumOfSquares) / Double(d)
        return (
            w, variance, Computation(iterations: roots.iterations + shifted.iterations, residual: residual)
        )
    }

    /// Below this the largest entry of |W (C + ε I) W − I| has to be.
    private static let largestResidual = 1e-6

    private static func check(_ residual: Double, _ workers: Workers) throws -> Double {
        guard residual < largestResidual else {
            throw WhiteningFailure(
                description:
                    "the whitening W: expected W (C + ε I) W = I up to \(largestResidual), found a difference"
                    + " of \(residual): a larger --whiten-epsilon helps",
                shouldReport: workers.communicator.rank == 0)
        }
        return residual
    }
}

/// A matrix of Floats that does not change any more when several threads have it.
final class SharedMatrix: @unchecked Sendable {
    private let buffer: AlignedBuffer<Float>
    let rows: Int
    let columns: Int

    /// A matrix of zeros.
    ///
    /// - Throws: `AllocationError`.
    init(rows: Int, columns: Int) throws(AllocationError) {
        (self.rows, self.columns) = (rows, columns)
        buffer = try AlignedBuffer(allocating: rows * columns)
    }

    var matrix: Matrix<Float> { buffer.matrix(rows: rows, columns: columns) }
}

/// A matrix of Doubles.
private final class DoubleMatrix {
    private let buffer: AlignedBuffer<Double>
    private let rows: Int
    private let columns: Int

    init(rows: Int, columns: Int) throws(AllocationError) {
        (self.rows, self.columns) = (rows, columns)
        buffer = try AlignedBuffer(allocating: rows * columns)
    }

    var matrix: Matrix<Double> { buffer.matrix(rows: rows, columns: columns) }

    /// Becomes its product with a square matrix, row by row.
    func multiply(by right: Matrix<Double>, _ team: WorkerTeam) {
        let memory = AlignedBuffer<Double>(
            zeroed: PackedMatrix<Double>.count(rows: right.rows, columns: right.columns))
        let packed = PackedMatrix(memory.vector, rows: right.rows, columns: right.columns)
        packed.pack(StridedMatrix(right))
        let (matrix, height) = (matrix, SymmetricStrips.width)
        team.run((rows + height - 1) / height) { index in
            let part = matrix[rows: index * height..<min((index + 1) * height, matrix.rows)]
            let left = AlignedBuffer<Double>(zeroed: part.count)
            left.vector.copy(from: part.vector)
            let scratch = AlignedBuffer<Double>(zeroed: Double.gemmScratch)
            part.gemm(
                StridedMatrix(left.matrix(rows: part.rows, columns: part.columns)), packed,
                scratch: scratch.vector)
        }
    }
}

extension SquareMatrix {
    /// The sum of the squares of all entries, row by row.
    fileprivate var sumOfSquares: Double {
        var sum = 0.0
        for row in 0..<order {
            var ofRow = 0.0
            for column in 0..<order {
                let value = matrix.base[row * order + column]
                ofRow += value * value
            }
            sum += ofRow
        }
        return sum
    }
}
