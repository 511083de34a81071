internal import Datasets
internal import MLPEngine

/// What a training step cannot do without: its matrix products, and what it has to read and write in memory.
public struct StepWork: Sendable, Equatable {
    /// The floating-point operations of the products on all ranks: 2 B Σ M N (forward), as many for the weight gradients,
    /// and as many for the gradients of the inputs of all linear modules but the first.
    public let flops: Double
    /// Those of them that multiply pixels: 4 B M N of the first module.
    public let pixelFlops: Double
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
        return (flops - pixelFlops) / (peak * 1e9) + pixelFlops * Double(slices) / (bytes * 1e9)
            + traffic / bandwidth
    }
}
