public import Collectives
public import MLPEngine
public import Tensors

/// The state that training changes: parameters, velocities and running statistics, once for all ranks of a node, in
/// memory that they share.
///
/// Which rank writes which part, and when, is up to the ``GradientReduction``.
public final class ModelState<Scalar: TensorScalar & CollectiveElement> {
    /// The model.
    public let mlp: MLP
    /// The optimiser.
    public let optimizer: SGD
    /// The flat parameters.
    public let parameters: Vector<Scalar>
    /// The flat velocities; nil without momentum.
    public let velocity: Vector<Scalar>?
    /// Batch norm's running statistics.
    public let runningStatistics: Vector<Scalar>
    /// The weights once more, packed for products.
    public let packedWeights: PackedWeights<Scalar>

    /// PyTorch's momentum of batch norm's running statistics.
    public static var statisticsMomentum: Scalar { 0.1 }

    private let group: NodeGroup
    private let region: SharedRegion

    /// Shares memory for the state, with initial parameters from the seed. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - mlp: The model.
    ///   - optimizer: The optimiser.
    ///   - group: The ranks of this node.
    ///   - seed: The run's seed.
    ///   - pixels: The colour channels of the network's input, and the bytes of a number in its products with pixels; nil
    ///     for products of numbers.
    /// - Throws: `SharedMemoryError`, or the communicator's error.
    public init(
        mlp: MLP, optimizer: SGD, group: NodeGroup, seed: UInt64,
        pixels: (channels: Int, slices: Int)? = nil
    ) throws {
        self.mlp = mlp
        self.optimizer = optimizer
        self.group = group
        let network = mlp.network
        var plan = RegionPlan()
        let parameters = plan.add(Scalar.self, count: mlp.parameterCount)
        let velocity = plan.add(Scalar.self, count: optimizer.hasVelocity ? mlp.parameterCount : 0)
        let statistics = plan.add(Scalar.self, count: network.statisticsLayout.count)
        let packed = plan.add(
            Scalar.self, count: PackedWeights<Scalar>.count(of: network, withSlices: pixels != nil))
        let slices = pixels.map {
            Int8Places(network.linears[0], channels: $0.channels, slices: $0.slices, &plan)
        }
        region = try group.makeRegion(byteCount: plan.byteCount)
        self.parameters = parameters.vector(in: region)
        self.velocity = optimizer.hasVelocity ? velocity.vector(in: region) : nil
        runningStatistics = statistics.vector(in: region)
        packedWeights = PackedWeights(
            numbers: packed.vector(in: region), slices: slices?.weights(in: region))
        if group.isLeader {
            network.parameterLayout.initialize(self.parameters, seed: seed)
            network.statisticsLayout.initialize(runningStatistics, seed: seed)
        }
        try group.barrier()
    }

    /// Brings rank 0's state, as it has been restored there, to all nodes. Collective: every rank must call it.
    ///
    /// - Throws: The communicator's error.
    public func broadcast() throws {
        try group.betweenNodes { leaders in
            try leaders.broadcast(parameters.buffer, root: 0)
            try leaders.broadcast(runningStatistics.buffer, root: 0)
            if let velocity { try leaders.broadcast(velocity.buffer, root: 0) }
        }
        // Rank 0 may have been alone in restoring.
        try group.barrier()
        if group.isLeader {
            try LinearProducts(mlp.network, batch: 0, packed: packedWeights, threads: 1).packWeights(
                parameters)
        }
        try group.barrier()
    }

    /// One step of the optimiser, to be taken piece by piece.
    func update(learningRate: Double) -> ParameterUpdate<Scalar> {
        ParameterUpdate(optimizer, parameters: parameters, velocity: velocity, learningRate: learningRate)
    }

    /// Moves the running statistics towards a batch's.
    func updateStatistics(towards batch: Vector<Scalar>) {
        BatchNorm.update(running: runningStatistics, towards: batch, momentum: Self.statisticsMomentum)
    }
}

/// Where the first module's weights as bytes lie in a shared region.
private struct Int8Places {
    private let module: Linear
    private let channels: Int
    private let slices: Int
    private let packed: RegionPlan.Place<Int8>
    private let maxima: RegionPlan.Place<Float>
    private let sums: RegionPlan.Place<Int32>

    init(_ module: Linear, channels: Int, slices: Int, _ plan: inout RegionPlan) {
        (self.module, self.channels, self.slices) = (module, channels, slices)
        let (rows, columns) = (module.outputs, module.inputs)
        let slots = Int8Weights.slotCount(rows: rows, columns: columns)
        packed = plan.add(
            Int8.self, count: Int8Weights.packedCount(rows: rows, columns: columns, slices: slices))
        maxima = plan.add(Float.self, count: slots)
        sums = plan.add(Int32.self, count: slots)
    }

    func weights(in region: SharedRegion) -> Int8Weights {
        Int8Weights(
            rows: module.outputs, columns: module.inputs, channels: channels, slices: slices,
            packed: packed.vector(in: region), maxima: maxima.vector(in: region),
            sums: sums.vector(in: region))
    }
}
