public import Collectives
public import MLPEngine
public import Tensors

/// The state that training changes: parameters, the optimizer's state and running statistics, once for all ranks of a node,
/// in memory that they share.
///
/// Which rank writes which part, and when, is up to the ``DataParallelStrategy``.
public final class ModelState<Scalar: TensorScalar & CollectiveElement> {
    /// The model.
    public let mlp: MLP
    /// The optimizer.
    public let optimizer: any Optimizer
    /// The flat parameters.
    public let parameters: Vector<Scalar>
    /// The optimizer's flat tensors, in the order of its names.
    public let optimizerState: [Vector<Scalar>]
    /// Batch norm's running statistics.
    public let runningStatistics: Vector<Scalar>
    /// The mean of the weights; nil where none is asked for.
    public let averaged: AveragedModel<Scalar>?
    /// Memory for the weights once more, packed for products: of all linear layers, or of all but the first.
    public let packedWeights: Vector<Scalar>
    /// Memory for those of the first one as integers, where its products with pixels are taken in integers.
    public let int8Weights: Int8Weights?
    /// Memory for those of all layers whose products are of bytes, in the order of `Sequential.byteLinears`; nil where
    /// products are none of bytes.
    public let byteWeights: [ByteWeights]?
    /// Memory for those of all layers whose products are of bfloat16 numbers, in the order of `Sequential.bfloat16Linears`.
    public let bfloat16Weights: [BFloat16Weights]

    /// PyTorch's momentum of batch norm's running statistics.
    public static var statisticsMomentum: Scalar { 0.1 }

    private let group: NodeGroup
    private let region: SharedRegion
    private let averaging: WeightAveraging
    /// The share by which the mean moves towards the weights of the step under way.
    private var averageShare: Scalar?

    /// Shares memory for the state, with initial parameters from the seed. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - mlp: The model.
    ///   - optimizer: The optimizer.
    ///   - group: The ranks of this node.
    ///   - seed: The run's seed.
    ///   - pixels: The colour channels of the network's input, and the bytes of a number in its products with pixels, where
    ///     one means products of bytes in all layers; nil for products of numbers.
    ///   - averaging: Whether a mean of the weights is kept.
    /// - Throws: `SharedMemoryError`, or the communicator's error.
    public init(
        mlp: MLP, optimizer: any Optimizer, group: NodeGroup, seed: UInt64,
        pixels: (channels: Int, slices: Int)? = nil, averaging: WeightAveraging = .none
    ) throws {
        self.mlp = mlp
        self.optimizer = optimizer
        self.group = group
        self.averaging = averaging
        let network = mlp.network
        let places = StatePlaces<Scalar>(
            mlp: mlp, optimizer: optimizer, pixels: pixels, averages: averaging != .none)
        let region = try group.makeRegion(byteCount: places.byteCount)
        self.region = region
        parameters = places.parameters.vector(in: region)
        optimizerState = places.state.map { $0.vector(in: region) }
        runningStatistics = places.statistics.vector(in: region)
        packedWeights = places.packed.vector(in: region)
        int8Weights = places.integers?.weights(in: region)
        byteWeights = places.bytes?.map { $0.weights(in: region) }
        bfloat16Weights = places.bfloat16.map { $0.weights(in: region) }
        averaged = places.average.map {
            AveragedModel(parameters: $0.vector(in: region), runningStatistics: $1.vector(in: region))
        }
        if group.isLeader {
            network.parameterLayout.initialize(self.parameters, seed: seed)
            network.statisticsLayout.initialize(runningStatistics, seed: seed)
            averaged?.parameters.copy(from: self.parameters)
            averaged?.runningStatistics.copy(from: runningStatistics)
        }
        try group.barrier()
    }

    /// The bytes of memory that the ranks of a node share for a state, of the parameters of its making.
    package static func byteCount(
        mlp: MLP, optimizer: any Optimizer, pixels: (channels: Int, slices: Int)? = nil,
        averaging: WeightAveraging = .none
    ) -> Int {
        StatePlaces<Scalar>(mlp: mlp, optimizer: optimizer, pixels: pixels, averages: averaging != .none)
            .byteCount
    }

    /// All tensors that training changes.
    public var tensors: [Vector<Scalar>] {
        [parameters, runningStatistics] + optimizerState
            + (averaged.map { [$0.parameters, $0.runningStatistics] } ?? [])
    }

    /// Brings rank 0's state, as it has been restored there, to all nodes. Collective: every rank must call it.
    ///
    /// - Parameter products: Takes over the weights.
    /// - Throws: The communicator's error.
    public func broadcast(to products: any MatrixProducts<Scalar>) throws {
        try group.betweenNodes { leaders in
            for tensor in tensors { try leaders.broadcast(tensor.buffer, root: 0) }
        }
        // Rank 0 may have been alone in restoring.
        try group.barrier()
        if group.isLeader { products.packWeights(parameters) }
        try group.barrier()
    }

    /// One step of the optimizer, to be taken piece by piece, each piece with its part of a mean over steps.
    func optimizerStep(number: Int, learningRate: Double) -> OptimizerStep<Scalar> {
        var average: (values: Vector<Scalar>, share: Scalar)?
        averageShare = nil
        if let averaged, let share = averaging.share(afterStep: number) {
            averageShare = Scalar(share)
            average = (averaged.parameters, Scalar(share))
        }
        return OptimizerStep(
            optimizer, parameters: parameters, state: optimizerState, learningRate: learningRate,
            number: number, average: average)
    }

    /// Moves the running statistics towards a batch's, and a mean over steps towards them. On the node's leader, in a step.
    func updateStatistics(towards batch: Vector<Scalar>) {
        BatchNorm.update(running: runningStatistics, towards: batch, momentum: Self.statisticsMomentum)
        guard let averaged, let averageShare else { return }
        Scalar.blend(
            runningStatistics.count, averageShare, runningStatistics.base, averaged.runningStatistics.base)
    }

    /// Moves the mean towards the weights as they are between two steps, each rank of a node a part of it. Collective: every
    /// rank must call it.
    ///
    /// - Parameter share: 1/n of the n-th weights that the mean is of.
    /// - Throws: The communicator's error.
    public func average(share: Double) throws {
        guard let averaged else { preconditionFailure("a model without a mean") }
        // Others may still look at the model as the last step has left it.
        try group.barrier()
        let part = Range(part: group.localRank, of: group.localSize, dividing: parameters.count)
        Scalar.blend(
            part.count, Scalar(share), parameters[part].base, averaged.parameters[part].base)
        try group.barrier()
    }

    /// Sets the running statistics that belong to the mean. Collective: every rank must call it.
    ///
    /// - Parameter statistics: The same on every rank.
    /// - Throws: The communicator's error.
    public func setAveragedStatistics(_ statistics: [Double]) throws {
        guard let averaged else { preconditionFailure("a model without a mean") }
        precondition(statistics.count == averaged.runningStatistics.count, "statistics of another layout")
        if group.isLeader {
            for (index, value) in statistics.enumerated() {
                averaged.runningStatistics[index] = Scalar(value)
            }
        }
        try group.barrier()
    }
}

/// Where a model's state lies in a shared region.
private struct StatePlaces<Scalar: TensorScalar> {
    let parameters: RegionPlan.Place<Scalar>
    let state: [RegionPlan.Place<Scalar>]
    let statistics: RegionPlan.Place<Scalar>
    let packed: RegionPlan.Place<Scalar>
    let integers: Int8Places?
    let bytes: [BytePlaces]?
    let bfloat16: [BFloat16Places]
    let average: (parameters: RegionPlan.Place<Scalar>, statistics: RegionPlan.Place<Scalar>)?
    let byteCount: Int

    init(mlp: MLP, optimizer: any Optimizer, pixels: (channels: Int, slices: Int)?, averages: Bool) {
        let network = mlp.network
        var plan = RegionPlan()
        parameters = plan.add(Scalar.self, count: mlp.parameterCount)
        state = optimizer.stateNames.map { _ in plan.add(Scalar.self, count: mlp.parameterCount) }
        statistics = plan.add(Scalar.self, count: network.statisticsLayout.count)
        packed = plan.add(
            Scalar.self,
            count: PackedProducts<Scalar>.weightCount(of: network, slices: pixels?.slices))
        let areBytes = pixels?.slices == 1
        integers =
            areBytes
            ? nil
            : pixels.map {
                Int8Places(network.linears[0], channels: $0.channels, slices: $0.slices, &plan)
            }
        bytes = areBytes ? network.byteLinears(slices: 1).map { BytePlaces($0, &plan) } : nil
        bfloat16 = network.bfloat16Linears(slices: pixels?.slices).map { BFloat16Places($0, &plan) }
        average =
            averages
            ? (
                plan.add(Scalar.self, count: mlp.parameterCount),
                plan.add(Scalar.self, count: network.statisticsLayout.count)
            ) : nil
        byteCount = plan.byteCount
    }
}

/// Where the first layer's weights as integers lie in a shared region.
private struct Int8Places {
    private let linear: Linear
    private let channels: Int
    private let slices: Int
    private let packed: RegionPlan.Place<Int8>
    private let maxima: RegionPlan.Place<Float>
    private let sums: RegionPlan.Place<Int32>

    init(_ linear: Linear, channels: Int, slices: Int, _ plan: inout RegionPlan) {
        (self.linear, self.channels, self.slices) = (linear, channels, slices)
        let (rows, columns) = (linear.outputs, linear.inputs)
        let slots = Int8Weights.slotCount(rows: rows, columns: columns)
        packed = plan.add(
            Int8.self, count: Int8Weights.packedCount(rows: rows, columns: columns, slices: slices))
        maxima = plan.add(Float.self, count: slots)
        sums = plan.add(Int32.self, count: slots)
    }

    func weights(in region: SharedRegion) -> Int8Weights {
        Int8Weights(
            rows: linear.outputs, columns: linear.inputs, channels: channels, slices: slices,
            packed: packed.vector(in: region), maxima: maxima.vector(in: region),
            sums: sums.vector(in: region))
    }
}

/// Where a layer's weights as bfloat16 numbers lie in a shared region.
private struct BFloat16Places {
    private let linear: Linear
    private let packed: RegionPlan.Place<UInt32>

    init(_ linear: Linear, _ plan: inout RegionPlan) {
        self.linear = linear
        packed = plan.add(
            UInt32.self, count: BFloat16Weights.count(rows: linear.outputs, columns: linear.inputs))
    }

    func weights(in region: SharedRegion) -> BFloat16Weights {
        BFloat16Weights(rows: linear.outputs, columns: linear.inputs, packed.vector(in: region))
    }
}

/// Where a layer's weights as bytes lie in a shared region.
private struct BytePlaces {
    private let linear: Linear
    private let packed: RegionPlan.Place<Int8>
    private let scales: RegionPlan.Place<Float>

    init(_ linear: Linear, _ plan: inout RegionPlan) {
        self.linear = linear
        let counts = ByteWeights.counts(
            rows: linear.outputs, columns: linear.inputs, hasBackward: !linear.readsBatch)
        packed = plan.add(Int8.self, count: counts.packed)
        scales = plan.add(Float.self, count: counts.scales)
    }

    func weights(in region: SharedRegion) -> ByteWeights {
        ByteWeights(
            rows: linear.outputs, columns: linear.inputs, hasBackward: !linear.readsBatch,
            packed: packed.vector(in: region), scales: scales.vector(in: region))
    }
}

/// Where things lie in a shared region, each from a cache line of its own on.
struct RegionPlan {
    /// A place for `count` scalars.
    struct Place<Scalar: BitwiseCopyable> {
        fileprivate let offset: Int
        fileprivate let count: Int

        /// The bytes that they take.
        var byteCount: Int { count * MemoryLayout<Scalar>.stride }

        /// The scalars in a region of the plan's size.
        func vector(in region: SharedRegion) -> Vector<Scalar> {
            Vector(
                base: (region.base + offset).bindMemory(to: Scalar.self, capacity: count), count: count)
        }
    }

    private(set) var byteCount = 0

    mutating func add<Scalar: BitwiseCopyable>(_: Scalar.Type, count: Int) -> Place<Scalar> {
        let alignment = AlignedBuffer<Scalar>.alignment
        defer {
            let end = byteCount + count * MemoryLayout<Scalar>.stride
            byteCount = (end + alignment - 1) / alignment * alignment
        }
        return Place(offset: byteCount, count: count)
    }
}
