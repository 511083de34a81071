internal import Collectives
internal import Datasets
internal import Foundation
internal import MLPEngine
internal import Tensors

/// What this rank's CPU and kernels make of inputs that are the same everywhere, as hashes of the results' bits.
///
/// Nodes update the model by themselves: one that rounds otherwise, against all that is promised, would drift away from the
/// others.
package struct ArithmeticProbe {
    /// A kind of computation that is compared by itself.
    enum Part: String, CaseIterable {
        case products = "matrix products"
        case pixels = "products of pixels"
        case functions = "element-wise functions"
        case optimizer = "the optimizer's step"
        case training = "training steps"
        case schedule = "learning rates"
    }

    /// Ranks compute otherwise than others.
    package struct Failure: AgreedFailure, CustomStringConvertible, LocalizedError {
        package let description: String
        package let shouldReport: Bool
        package var errorDescription: String? { description }
    }

    /// A hash for each part, in the order of the cases.
    package var hashes: [UInt64] { parts.map(\.value) }

    private var parts = Part.allCases.map { _ in BitsHash() }
    private let configuration: TrainingConfiguration
    private var inputs = ProbeNumbers(seed: 1)
    private let rows = 37
    private let columns = 67
    private let inner = 133
    private static let mostRates = 1 << 17

    /// Computes what training with this configuration computes, on little data.
    ///
    /// - Parameter stepsPerEpoch: The steps of an epoch.
    /// - Throws: `AllocationError`.
    package init(_ configuration: TrainingConfiguration, stepsPerEpoch: Int) throws {
        self.configuration = configuration
        products()
        try pixels()
        functions()
        optimizer()
        try training()
        schedule(stepsPerEpoch)
    }

    /// Compares all ranks' results. Collective: every rank must call it.
    ///
    /// - Throws: ``Failure`` on all ranks together, which names the parts that differ, and the hosts and kernels; or the
    ///   communicator's error.
    func compare(over communicator: any Communicator) throws {
        let all = try communicator.allgather(hashes)
        let kernels = try communicator.allgather(text: InstructionSet.used.name)
        let results = kernels.indices.map { Array(all[$0 * hashes.count..<($0 + 1) * hashes.count]) }
        guard results.contains(where: { $0 != results[0] }) else { return }
        let found = results.indices.filter { results.firstIndex(of: results[$0]) == $0 }.map { first in
            let ranks = results.indices.filter { results[$0] == results[first] }
            let parts = zip(Part.allCases, zip(results[first], results[0])).compactMap { part, hashes in
                hashes.0 == hashes.1 ? nil : part.rawValue
            }
            return "\(communicator.placement.names(ofRanks: ranks)) with kernels \(kernels[first])"
                + (parts.isEmpty ? "" : ", which give other \(parts.joined(separator: ", "))")
        }
        throw Failure(
            description: "comparing arithmetic: expected the same bits on all ranks, found "
                + found.joined(separator: " and ")
                + "; every CPU that keeps IEEE 754 gives them: dp-train verify-bits tells what errs",
            shouldReport: communicator.rank == 0)
    }

    private mutating func products() {
        let a = number(rows * inner)
        let b = number(inner * columns)
        let memory = AlignedBuffer<Float>(zeroed: rows * columns)
        let product = memory.matrix(rows: rows, columns: columns)
        let left = a.matrix(rows: rows, columns: inner)
        let right = b.matrix(rows: inner, columns: columns)
        product.gemm(left, .none, right)
        add(product.vector, to: .products)
        product.gemm(
            a.matrix(rows: inner, columns: rows), .transposed, b.matrix(rows: columns, columns: inner),
            .transposed)
        add(product.vector, to: .products)
    }

    private mutating func pixels() throws {
        // Narrow layers stay Float.
        let columns = configuration.slices == 1 ? 2 * columns : columns
        var builder = SequentialBuilder(inputs: configuration.format.imageBytes, prefix: "probe")
        builder.linear(outputs: columns, gain: 1)
        let network = builder.build()
        let linear = try PreparedLinear(
            network, batch: rows, slices: configuration.slices, channels: configuration.format.channels)
        let weights = number(configuration.format.imageBytes * columns)
        linear.setWeights(weights.vector)
        let bytes = AlignedBuffer<UInt8>(zeroed: rows * configuration.format.imageBytes)
        inputs.fill(bytes.vector)
        let y = AlignedBuffer<Float>(zeroed: rows * columns)
        let dy = number(rows * columns)
        withExtendedLifetime(PixelNormalization<Float>(configuration.format)) { normalization in
            let x = BatchInput.pixels(
                normalization.numbers(bytes.matrix(rows: rows, columns: configuration.format.imageBytes)))
            linear.forward(x, into: y.matrix(rows: rows, columns: columns))
            linear.weightGradient(
                x, dy: dy.matrix(rows: rows, columns: columns),
                into: weights.matrix(rows: columns, columns: configuration.format.imageBytes))
        }
        add(y.vector, to: .pixels)
        add(weights.vector, to: .pixels)
    }

    private mutating func functions() {
        let numbers = number(rows * columns, range: 8)
        let x = numbers.matrix(rows: rows, columns: columns)
        let labels = labels()
        let memory = AlignedBuffer<Float>(zeroed: rows * columns)
        let y = memory.matrix(rows: rows, columns: columns)
        for activation in [Activation.elu(alpha: 0.9), .relu, .tanh, configuration.activation] {
            activation.forward(x, into: y)
            add(y.vector, to: .functions)
            let gradient = number(rows * columns)
            activation.backward(
                kept: activation.keepsInput ? x : y, gradient: gradient.matrix(rows: rows, columns: columns))
            add(gradient.vector, to: .functions)
        }
        let loss = SoftmaxCrossEntropy().evaluate(x, .labels(labels.vector), factor: 0.01, gradient: y)
        add(y.vector, to: .functions)
        add(loss.lossSum.bitPattern, to: .functions)
    }

    private mutating func optimizer() {
        for optimizer in [configuration.optimizer, SGD(momentum: 0.9, nesterov: true, weightDecay: 1e-3)]
            as [any Optimizer]
        {
            let p = number(rows * columns)
            let g = number(rows * columns)
            let v = number(rows * columns)
            let w = number(rows * columns)
            // It may be a mean of squares: the root of a negative number is NaN, whose bits are each CPU's own.
            for index in 0..<w.count { w.vector[index] *= w.vector[index] }
            OptimizerStep(
                optimizer, parameters: p.vector,
                state: zip(optimizer.stateNames, [v.vector, w.vector]).map(\.1),
                learningRate: 0.1, number: 1
            ).apply(to: 0..<p.count, gradients: g.vector)
            add(p.vector, to: .optimizer)
            add(v.vector, to: .optimizer)
        }
    }

    private mutating func training() throws {
        let mlp = MLP(
            MLPConfiguration(
                inputs: inner, hiddenDimensions: [columns], classes: configuration.format.classCount,
                activation: configuration.activation, batchNorm: true, layerNorm: configuration.layerNorm,
                residual: true, dropout: configuration.dropout))
        let parameters = number(mlp.parameterCount, range: 0.1)
        let x = number(rows * inner)
        let labels = labels()
        let gradients = AlignedBuffer<Float>(zeroed: mlp.parameterCount)
        let count = mlp.network.statisticsLayout.count
        let batch = AlignedBuffer<Float>(zeroed: count)
        let running = number(count)
        let workspace = try Workspace<Float>(for: mlp.network, capacity: rows)
        let packed = AlignedBuffer<Float>(zeroed: PackedProducts<Float>.weightCount(of: mlp.network))
        let products = try PackedProducts(
            mlp.network, batch: rows, weights: packed.vector, team: WorkerTeam(threadCount: 1))
        for step in 0..<2 {
            products.packWeights(parameters.vector)
            let pass = Pass(
                .numbers(x.matrix(rows: rows, columns: inner)), parameters: parameters.vector,
                workspace: workspace, products: products,
                mode: .training(
                    .init(
                        collectives: LocalBatch(gradients: gradients.vector),
                        batchStatistics: batch.matrix(rows: 1, columns: count), step: step)))
            let logits = try mlp.network.forward(pass)
            let loss = SoftmaxCrossEntropy().evaluate(
                logits, .labels(labels.vector), factor: 1 / Float(rows), gradient: logits)
            try mlp.network.backward(logits, pass)
            OptimizerStep(
                SGD(), parameters: parameters.vector, state: [], learningRate: 0.1, number: step + 1
            ).apply(to: 0..<parameters.count, gradients: gradients.vector)
            BatchNorm.update(running: running.vector, towards: batch.vector, momentum: 0.1)
            add(loss.lossSum.bitPattern, to: .training)
        }
        add(parameters.vector, to: .training)
        add(running.vector, to: .training)
    }

    /// The rates of all steps, or of so many of them, spread over the run.
    private mutating func schedule(_ stepsPerEpoch: Int) {
        let schedule = configuration.learningRateSchedule
        let steps = configuration.epochs * stepsPerEpoch
        for step in stride(from: 0, to: steps, by: max(1, steps / Self.mostRates)) {
            add(schedule.rate(atStep: step, stepsPerEpoch: stepsPerEpoch).bitPattern, to: .schedule)
        }
    }

    private func labels() -> AlignedBuffer<Int32> {
        let labels = AlignedBuffer<Int32>(zeroed: rows)
        for row in 0..<rows { labels.vector[row] = Int32(row % configuration.format.classCount) }
        return labels
    }

    /// Numbers below `range` in magnitude.
    private mutating func number(_ count: Int, range: Float = 1) -> AlignedBuffer<Float> {
        let numbers = AlignedBuffer<Float>(zeroed: count)
        inputs.fill(numbers.vector, range: range)
        return numbers
    }

    private mutating func add(_ values: Vector<Float>, to part: Part) {
        for value in values.buffer { add(UInt64(value.bitPattern), to: part) }
    }

    private mutating func add(_ word: UInt64, to part: Part) {
        guard let index = Part.allCases.firstIndex(of: part) else { return }
        parts[index].add(word)
    }
}
