internal import MLPEngine
internal import Tensors

/// A way to compute matrix products that the benchmark measures. A further one becomes a further element of `all`.
struct ProductKernel: Sendable {
    /// For people and JSON.
    let name: String
    /// What it multiplies with, whose peak it is compared with.
    let unit: PeakMeasurement.Unit
    /// Allocates and prepares what a step would find prepared, and returns the product itself, which writes
    /// ``ProductProblem/product`` on the calling thread; nil where the kernel does not take the shape.
    let prepare: @Sendable (ProductProblem) -> (() -> Void)?

    /// OpenBLAS's SGEMM on one thread.
    static let openBLAS = ProductKernel(name: "openblas", unit: .vector) { problem in
        switch problem.shape.use {
        case .forward:
            { BLAS.multiply(problem.x, .none, problem.other, .transposed, into: problem.product) }
        case .weightGradient:
            { BLAS.multiply(problem.other, .transposed, problem.x, .none, into: problem.product) }
        }
    }

    /// The products of training in single precision, from numbers.
    static let numbers = ProductKernel(name: "dp-train", unit: .vector) { problem in
        linear(problem, .numbers(problem.x))
    }

    /// The same from pixels, as the first layer takes them.
    static let pixels = ProductKernel(name: "dp-train, pixels", unit: .vector) { problem in
        problem.hasPixels ? linear(problem, .pixels(problem.pixels)) : nil
    }

    /// All that are measured, OpenBLAS first.
    static let all = [openBLAS, numbers, pixels]

    /// A product as a linear module of a network has it computed.
    private static func linear(_ problem: ProductProblem, _ x: BatchInput<Float>) -> () -> Void {
        let shape = problem.shape
        let (inputs, outputs) =
            shape.use == .forward ? (shape.k, shape.n) : (shape.n, shape.m)
        var builder = SequentialBuilder(inputs: inputs, prefix: "product")
        builder.linear(outputs: outputs, gain: 1)
        let network = builder.build()
        let linear = PreparedLinear(network, batch: x.rows)
        switch shape.use {
        case .forward:
            linear.setWeights(problem.otherVector)
            return { linear.forward(x, into: problem.product) }
        case .weightGradient:
            return { linear.weightGradient(x, dy: problem.other, into: problem.product) }
        }
    }
}

/// A network of one linear module with all that its products need, on one thread.
private final class PreparedLinear {
    private let network: Sequential
    private let parameters: AlignedBuffer<Float>
    private let packed: AlignedBuffer<Float>
    private let products: LinearProducts<Float>
    private let module: Linear

    init(_ network: Sequential, batch: Int) {
        self.network = network
        module = network.linears[0]
        parameters = AlignedBuffer(zeroed: network.parameterLayout.count)
        packed = AlignedBuffer(zeroed: PackedWeights<Float>.count(of: network))
        products = LinearProducts(
            network, batch: batch, packed: PackedWeights(numbers: packed.vector), threads: 1)
    }

    func setWeights(_ weights: Vector<Float>) {
        parameters.vector[module.weight].copy(from: weights)
        products.packWeights(parameters.vector)
    }

    func forward(_ x: BatchInput<Float>, into y: Matrix<Float>) {
        products.forward(module, x, parameters: parameters.vector, into: y)
    }

    func weightGradient(_ x: BatchInput<Float>, dy: Matrix<Float>, into gradient: Matrix<Float>) {
        products.weightGradient(of: module, x: FactorInput(x), dy: StridedMatrix(dy), into: gradient)
    }
}
