internal import Collectives
internal import MLPEngine
internal import Tensors

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
