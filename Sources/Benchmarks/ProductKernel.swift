internal import Datasets
internal import MLPEngine
internal import OpenBLAS
internal import Tensors
internal import Training

/// A way to compute matrix products that the benchmark measures. A further one becomes a further element of `all`.
struct ProductKernel: Sendable {
    /// For people and JSON.
    let name: String
    /// What it multiplies with, whose peak it is compared with.
    let unit: PeakMeasurement.Unit
    /// The operations of the unit for each floating-point operation of the product.
    let operations: Double
    /// Allocates and prepares what a step would find prepared, and returns the product itself, which writes
    /// ``ProductProblem/product`` on the calling thread; nil where the kernel does not take the shape.
    let prepare: @Sendable (ProductProblem) throws -> (() -> Void)?

    /// OpenBLAS's SGEMM on one thread.
    static let openBLAS = ProductKernel(name: "openblas", unit: .vector, operations: 1) { problem in
        OpenBLAS.threadCount = 1
        return switch problem.shape.use {
        case .forward:
            {
                OpenBLAS.gemm(
                    StridedMatrix(problem.x), .none, StridedMatrix(problem.other), .transposed,
                    into: StridedMatrix(problem.product))
            }
        case .weightGradient:
            {
                OpenBLAS.gemm(
                    StridedMatrix(problem.other), .transposed, StridedMatrix(problem.x),
                    into: StridedMatrix(problem.product))
            }
        }
    }

    /// The products of training in single precision, from numbers.
    static let numbers = ProductKernel(name: "dp-train", unit: .vector, operations: 1) { problem in
        try linear(problem, .numbers(problem.x))
    }

    /// The same from pixels, as the first layer takes them.
    static let pixels = ProductKernel(name: "dp-train, pixels", unit: .vector, operations: 1) { problem in
        problem.hasPixels ? try linear(problem, .pixels(problem.pixels)) : nil
    }

    /// The same in integers, by the unit for products of bytes where the CPU has one.
    static func slices(_ precision: MatmulPrecision) -> ProductKernel? {
        guard let slices = precision.slices else { return nil }
        let name = "dp-train, \(precision.rawValue)"
        let hasUnit = InstructionSet.used.multipliesBytes
        return ProductKernel(
            name: name, unit: hasUnit ? .bytes : .vector, operations: hasUnit ? Double(slices) : 1
        ) { problem in
            guard problem.hasPixels,
                Int8Weights.areSupported(
                    columns: problem.x.columns, channels: ImageFormat.cifar10.channels)
            else { return nil }
            return try linear(problem, .pixels(problem.pixels), slices: slices)
        }
    }

    /// All that are measured, OpenBLAS first.
    static var all: [ProductKernel] {
        [openBLAS, numbers, pixels] + [.high, .medium].compactMap(slices)
    }

    /// A product as a linear module of a network has it computed.
    private static func linear(
        _ problem: ProductProblem, _ x: BatchInput<Float>, slices: Int? = nil
    ) throws -> () -> Void {
        let shape = problem.shape
        let (inputs, outputs) =
            shape.use == .forward ? (shape.k, shape.n) : (shape.n, shape.m)
        var builder = SequentialBuilder(inputs: inputs, prefix: "product")
        builder.linear(outputs: outputs, gain: 1)
        let network = builder.build()
        let linear = try PreparedLinear(
            network, batch: x.rows, slices: slices, channels: ImageFormat.cifar10.channels)
        switch shape.use {
        case .forward:
            linear.setWeights(problem.otherVector)
            return { linear.forward(x, into: problem.product) }
        case .weightGradient:
            return { linear.weightGradient(x, dy: problem.other, into: problem.product) }
        }
    }
}
