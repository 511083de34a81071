internal import Collectives
internal import Datasets
internal import MLPEngine
internal import Tensors
internal import Training

/// Measures matrix products on one thread of each rank, all ranks at once.
struct ProductBenchmark {
    let timer: RankTimer
    let peaks: [PeakMeasurement]

    /// The shapes of the default network's first layer at the default batch, and a large square product.
    ///
    /// - Parameter ranks: The number of ranks, which share the batch.
    static func shapes(ranks: Int) -> [ProductShape] {
        let configuration = TrainingConfiguration()
        let (batch, inputs) = (configuration.batchSize, configuration.model.inputs)
        let outputs = configuration.hiddenDimensions[0]
        let rows = max(1, batch / ranks)
        // allreduce: all columns over this rank's rows; factor-exchange: some columns over all rows.
        let columns = max(96, inputs / ranks / 96 * 96)
        var shapes = [
            ProductShape(.forward, m: rows, n: outputs, k: inputs),
            ProductShape(.weightGradient, m: outputs, n: inputs, k: rows),
            ProductShape(.weightGradient, m: outputs, n: columns, k: batch),
            ProductShape(.forward, m: 2048, n: 2048, k: 2048),
        ]
        if ranks == 1 { shapes.remove(at: 2) }
        return shapes
    }

    /// Measures all kernels at all shapes. Collective: every rank must call it.
    ///
    /// - Throws: The communicator's error.
    func run() throws -> [ProductMeasurement] {
        try Self.shapes(ranks: timer.communicator.size).flatMap { shape in
            let problem = ProductProblem(shape, seed: UInt64(timer.communicator.rank))
            return try ProductKernel.all.compactMap { try measure($0, problem) }
        }
    }

    private func measure(_ kernel: ProductKernel, _ problem: ProductProblem) throws -> ProductMeasurement? {
        guard let multiply = try kernel.prepare(problem) else { return nil }
        problem.product.vector.fill(.nan)
        let seconds = try timer.fastest(multiply)
        let gigaflops = problem.shape.flops / seconds / 1e9
        let peak = peaks.first { $0.unit == kernel.unit }?.gigaflopsPerThread ?? .infinity
        return ProductMeasurement(
            shape: problem.shape, kernel: kernel.name, unit: kernel.unit, seconds: seconds,
            gigaflops: gigaflops, shareOfPeak: gigaflops * kernel.operations / peak,
            largestError: try timer.communicator.allreduce(problem.largestError, .maximum))
    }
}

/// The factors of a product, the same product in double precision, and room for what kernels make of it.
///
/// X is made of random pixels and stands there as such, too, so that kernels that take pixels compute the same product.
final class ProductProblem {
    let shape: ProductShape

    private let xBuffer: AlignedBuffer<Float>
    private let otherBuffer: AlignedBuffer<Float>
    private let productBuffer: AlignedBuffer<Float>
    private let referenceBuffer: AlignedBuffer<Double>
    private let pixelBuffer: AlignedBuffer<UInt8>
    private let normalization = PixelNormalization<Float>(.cifar10)
    /// Whether X's columns can be divided into colour channels.
    let hasPixels: Bool

    /// Random numbers for a product, keyed by a seed.
    init(_ shape: ProductShape, seed: UInt64) {
        self.shape = shape
        let (m, n, k) = (shape.m, shape.n, shape.k)
        let isForward = shape.use == .forward
        xBuffer = AlignedBuffer(zeroed: isForward ? m * k : k * n)
        otherBuffer = AlignedBuffer(zeroed: isForward ? n * k : k * m)
        productBuffer = AlignedBuffer(zeroed: m * n)
        referenceBuffer = AlignedBuffer(zeroed: m * n)
        pixelBuffer = AlignedBuffer(zeroed: xBuffer.count)
        let columns = isForward ? k : n
        hasPixels = columns % ImageFormat.cifar10.channels == 0
        var generator = SplitMix(state: seed)
        for index in 0..<pixelBuffer.count {
            pixelBuffer.vector[index] = UInt8(truncatingIfNeeded: generator.next())
        }
        let channels = ImageFormat.cifar10.channels
        for index in 0..<xBuffer.count {
            let plane = min(index % columns / max(1, columns / channels), channels - 1)
            let byte = Float(pixelBuffer.vector[index]) / 255
            xBuffer.vector[index] =
                (byte - ImageFormat.cifar10.mean[plane]) / ImageFormat.cifar10.standardDeviation[plane]
        }
        for index in 0..<otherBuffer.count {
            otherBuffer.vector[index] = Float(Int32(truncatingIfNeeded: generator.next())) / 0x1p31
        }
        multiplyInDoublePrecision()
    }

    /// X [m, k] of a forward product, or [k, n] of a weight gradient.
    var x: Matrix<Float> {
        shape.use == .forward
            ? xBuffer.matrix(rows: shape.m, columns: shape.k)
            : xBuffer.matrix(rows: shape.k, columns: shape.n)
    }

    /// X as pixels.
    var pixels: PixelMatrix<Float> {
        normalization.numbers(pixelBuffer.matrix(rows: x.rows, columns: x.columns))
    }

    /// W [n, k] of a forward product, or ∂L/∂Y [k, m] of a weight gradient.
    var other: Matrix<Float> {
        shape.use == .forward
            ? otherBuffer.matrix(rows: shape.n, columns: shape.k)
            : otherBuffer.matrix(rows: shape.k, columns: shape.m)
    }

    /// W as flat parameters, with biases of 0 behind it, begins here.
    var otherVector: Vector<Float> { otherBuffer.vector }

    /// The product [m, n], for kernels to write.
    var product: Matrix<Float> { productBuffer.matrix(rows: shape.m, columns: shape.n) }

    /// The largest difference of the product that stands there from the one in double precision, as a share of the
    /// latter's largest entry.
    var largestError: Double {
        var (error, largest) = (0.0, 0.0)
        for index in 0..<productBuffer.count {
            let reference = referenceBuffer.vector[index]
            let difference = abs(Double(productBuffer.vector[index]) - reference)
            // A number that is none is as wrong as can be.
            error = difference.isNaN ? .infinity : max(error, difference)
            largest = max(largest, abs(reference))
        }
        return largest > 0 ? error / largest : error
    }

    private func multiplyInDoublePrecision() {
        func wide(_ matrix: Matrix<Float>) -> AlignedBuffer<Double> {
            let buffer = AlignedBuffer<Double>(zeroed: matrix.count)
            for index in 0..<matrix.count { buffer.vector[index] = Double(matrix.vector[index]) }
            return buffer
        }
        let wideX = wide(x)
        let wideOther = wide(other)
        let xMatrix = wideX.matrix(rows: x.rows, columns: x.columns)
        let otherMatrix = wideOther.matrix(rows: other.rows, columns: other.columns)
        let reference = referenceBuffer.matrix(rows: shape.m, columns: shape.n)
        switch shape.use {
        case .forward: reference.gemm(xMatrix, .none, otherMatrix, .transposed)
        case .weightGradient: reference.gemm(otherMatrix, .transposed, xMatrix)
        }
    }
}

/// Random numbers that are good enough to multiply.
///
/// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
private struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
