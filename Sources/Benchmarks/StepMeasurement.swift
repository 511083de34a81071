internal import Datasets
internal import MLPEngine
internal import Tensors
public import Training

/// What the training steps of a configuration came to.
public struct StepMeasurement: Codable, Sendable, Equatable {
    /// The widths of the hidden layers.
    public let hiddenDimensions: [Int]
    /// Whether there is batch norm, and over what.
    public let batchNorm: String
    /// Rows of a global batch.
    public let batchSize: Int
    /// What is promised about the bits.
    public let strategy: String
    /// How exact matrix products were: `highest`, `high` or `medium`.
    public let precision: String
    /// What carries the numbers between ranks: `shared`, `mpi`, or `none` on one rank.
    public let transport: String
    /// The median over the rounds of the mean time of a step in a round, in seconds; the slowest rank's.
    public let stepSeconds: Double
    /// The fastest round's.
    public let fastestStepSeconds: Double
    /// Rows per second at the median.
    public let imagesPerSecond: Double
    /// Each phase's share of the time in steps, over all ranks: `batch`, `forward`, `backward`, `waiting`, `moving`,
    /// `update`.
    public let phases: [String: Double]
    /// Calls of malloc and its kin per step, of the rank and its threads that make most; nil where this system does not
    /// let them be counted.
    public let allocationsPerStep: Double?
    /// The least time that a step could take; see ``StepWork/seconds(within:machine:slices:)``.
    public let limitSeconds: Double
    /// `limitSeconds` as a share of `stepSeconds`.
    public let shareOfLimit: Double
    /// `stepSeconds` divided by that of allreduce; nil where that was not measured.
    public internal(set) var timeRelativeToAllreduce: Double?
    /// `stepSeconds` divided by that of plain MPI; nil where that was not measured.
    public internal(set) var timeRelativeToMPI: Double?

    enum CodingKeys: String, CodingKey {
        case hiddenDimensions = "hidden_dims"
        case batchNorm = "batch_norm"
        case batchSize = "batch_size"
        case strategy
        case precision = "matmul_precision"
        case transport
        case stepSeconds = "step_seconds"
        case fastestStepSeconds = "fastest_step_seconds"
        case imagesPerSecond = "images_per_second"
        case phases
        case allocationsPerStep = "allocations_per_step"
        case limitSeconds = "limit_seconds"
        case shareOfLimit = "share_of_limit"
        case timeRelativeToAllreduce = "time_relative_to_allreduce"
        case timeRelativeToMPI = "time_relative_to_mpi"
    }
}

/// What a training step cannot do without: its matrix products, and what it has to read and write in memory.
public struct StepWork: Sendable, Equatable {
    /// The floating-point operations of the products on all ranks: 2 B Σ M N (forward), as many for the weight gradients,
    /// and as many for the gradients of the inputs of all linear modules but the first.
    public let flops: Double
    /// Those of them that multiply pixels: 4 B M N of the first module.
    public let pixelFlops: Double
    /// Those of them that `medium` computes of bfloat16 numbers: of all three products of wide modules behind the first.
    public let bfloat16Flops: Double
    /// The bytes that each node reads and writes at least: every parameter once each way, and every velocity where there
    /// is momentum.
    public let stateBytes: Double
    /// The bytes of the batch, each of which some node reads once: B images.
    public let batchBytes: Double

    /// The work of a configuration's step.
    public init(_ configuration: TrainingConfiguration) {
        let mlp = MLP(configuration.model)
        let products = mlp.network.linears.enumerated().reduce(0.0) { sum, module in
            let passes = module.offset == 0 ? 2.0 : 3.0
            return sum + passes * Double(module.element.inputs) * Double(module.element.outputs)
        }
        flops = 2 * Double(configuration.batchSize) * products
        pixelFlops =
            4 * Double(configuration.batchSize) * Double(configuration.model.inputs)
            * Double(mlp.network.linears[0].outputs)
        bfloat16Flops = mlp.network.bfloat16Linears(slices: MatmulPrecision.medium.slices).reduce(0) {
            $0 + 6 * Double(configuration.batchSize) * Double($1.inputs) * Double($1.outputs)
        }
        let numbers = Double(mlp.parameterCount) * Double(1 + configuration.optimizer.stateNames.count)
        stateBytes = 2 * numbers * Double(MemoryLayout<Float>.size)
        batchBytes = Double(configuration.batchSize * configuration.format.imageBytes)
    }

    /// The least seconds of a step: `flops` at the measured peak of all threads of all ranks, plus each node's traffic,
    /// `stateBytes` + `batchBytes` / nodes, at the bandwidth of its copies.
    ///
    /// The bandwidth is the one measured for a working set of that size on each rank, so what fits into caches counts as
    /// if it came from there. Activations are left out: kernels could keep them in registers and caches.
    ///
    /// - Parameters:
    ///   - limits: What the machine can do.
    ///   - machine: The machine.
    ///   - slices: The bytes of a number in a product with pixels, each of which is a product of bytes at that unit's
    ///     peak; nil for Float products.
    public func seconds(
        within limits: MachineLimits, machine: BenchmarkMachine, slices: Int? = nil
    ) -> Double {
        let nodes = Double(machine.nodes)
        let traffic = stateBytes + batchBytes / nodes
        let bandwidth = limits.copyBytesPerSecond(workingSet: traffic * nodes / Double(machine.ranks)) / nodes
        let peak = limits.peak(of: .vector)?.gigaflops ?? .infinity
        guard let slices, let bytes = limits.peak(of: .bytes)?.gigaflops else {
            return flops / (peak * 1e9) + traffic / bandwidth
        }
        // With one byte all layers are products of bytes.
        if slices == 1 { return flops / (bytes * 1e9) + traffic / bandwidth }
        // A unit for bfloat16 numbers does at most two multiply-adds for one of Floats.
        let saved = slices == 2 && InstructionSet.used.multipliesBFloat16 ? bfloat16Flops / 2 : 0
        return (flops - pixelFlops - saved) / (peak * 1e9) + pixelFlops * Double(slices) / (bytes * 1e9)
            + traffic / bandwidth
    }
}
