package import Collectives
internal import DataParallel
internal import Datasets
internal import Foundation
package import MLPEngine
internal import SystemLimits
package import Training

/// What a run will take of its ranks and hosts, told before anything is trained.
///
/// All of it but the estimate of the time follows from the settings and the counts of the data set. Memory is what ranks have
/// as a rule at the most, as the system counts it; bytes between hosts are those that collectives are called with.
package struct RunPlan: Encodable, Sendable {
    /// The least and the most of a number over all ranks.
    package struct Span: Encodable, Sendable, Equatable {
        package let least: Int
        package let most: Int

        init(_ values: [Int]) { (least, most) = (values.min() ?? 0, values.max() ?? 0) }

        /// One number where all are the same.
        var text: String { least == most ? "\(least)" : "\(least) to \(most)" }
    }

    /// The memory that a run takes as a rule at the most, in bytes.
    package struct Memory: Encodable, Sendable {
        /// Each rank's, with what it shares, as the system counts it.
        package let ofRanks: [Int]
        /// That of the host that needs most; what its ranks share counts once.
        package let ofHost: Int
        /// The objects in shared memory (/dev/shm) on the host that needs most.
        package let sharedObjects: Int
        /// What a process of this program takes before it begins.
        package let program: Int
    }

    /// A way by which hosts come to one update, and what it brings to each.
    package struct Exchange: Encodable, Sendable, Equatable {
        /// The flag's word, and what else is exchanged.
        package let name: String
        /// The bytes of a step that reach the host to which most come.
        package let bytesPerStep: Int
        /// Whether this run takes it, as far as can be told.
        package let isChosen: Bool
    }

    /// The files of checkpoints.
    package struct Checkpoints: Encodable, Sendable, Equatable {
        /// The bytes of one before it is compressed, with the best model beside the last; none is larger.
        package let bytes: Int
        /// How many the run writes; nil where that depends on the time that it takes.
        package let written: Int?
        /// How many stay in the end, at most; nil where that depends on the time.
        package let kept: Int?
    }

    package let model: String
    package let parameters: Int
    package let data: String
    package let trainingRecords: Int
    package let validationRecords: Int
    package let testRecords: Int
    package let ranks: Int
    package let hosts: Int
    package let threadsPerRank: Int
    package let logicalShards: Int
    package let batchSize: Int
    package let shardsPerRank: Span
    package let rowsPerRank: Span
    package let epochs: Int
    package let stepsPerEpoch: Int
    package let steps: Int
    package let memory: Memory
    /// What this machine has of memory.
    package let memoryOfThisMachine: Int
    package let checkpoints: Checkpoints
    /// The ways between hosts; none of a run on one.
    package private(set) var exchanges: [Exchange]
    /// How long it takes, as tried on this machine; nil where that was not asked for.
    package private(set) var estimate: TimeEstimate?
    /// What steps should take on more and more hosts; nil where that was not asked for.
    package var growth: Growth?

    let shape: Shape

    private enum CodingKeys: String, CodingKey {
        case model, parameters, data, trainingRecords, validationRecords, testRecords, ranks, hosts
        case threadsPerRank, logicalShards, batchSize, shardsPerRank, rowsPerRank, epochs, stepsPerEpoch
        case steps, memory, memoryOfThisMachine, checkpoints, exchanges, estimate, growth
    }

    /// What a plan is made of.
    package struct Shape: Sendable {
        package let configuration: TrainingConfiguration
        package let options: RunOptions
        /// The ranks on the hosts, as rank 0 sees them.
        package let placement: NodePlacement
        package let threads: Int
        /// The processors of a host that a rank has which evaluates alone.
        package let processors: Int
        package let trainingCount: Int
        package let testCount: Int

        /// - Parameters:
        ///   - configuration: What is trained, settled for the ranks.
        ///   - options: How.
        ///   - ranks: The number of ranks.
        ///   - hosts: The number of hosts, which are filled one after the other, as evenly as can be.
        ///   - threads: The threads of each rank.
        ///   - processors: Those of each host.
        ///   - trainingCount: The records of the data set's training split, validation included.
        ///   - testCount: Those of its test split.
        package init(
            _ configuration: TrainingConfiguration, options: RunOptions, ranks: Int, hosts: Int, threads: Int,
            processors: Int, trainingCount: Int, testCount: Int
        ) {
            let nodes = (0..<hosts).flatMap { host in
                (host * ranks / hosts..<(host + 1) * ranks / hosts).map { _ in host }
            }
            self.init(
                configuration, options: options,
                placement: NodePlacement(rank: 0, nodes: nodes, hostNames: nodes.map { "host \($0)" }),
                threads: threads, processors: processors, trainingCount: trainingCount, testCount: testCount)
        }

        /// The same for ranks that are there.
        package init(
            _ configuration: TrainingConfiguration, options: RunOptions, placement: NodePlacement,
            threads: Int, processors: Int, trainingCount: Int, testCount: Int
        ) {
            (self.configuration, self.options, self.placement) = (configuration, options, placement)
            (self.threads, self.processors) = (threads, processors)
            (self.trainingCount, self.testCount) = (trainingCount, testCount)
        }

        var assignment: ShardAssignment {
            ShardAssignment(
                worldSize: placement.nodeOfRank.count, shardCount: configuration.logicalShards ?? 1)
        }

        /// The node of each rank as an exchange sees it.
        package var sharers: [Int] {
            options.transport == .mpi ? Array(placement.nodeOfRank.indices) : placement.nodeOfRank
        }

        /// Who takes what of a batch.
        var division: StepTraffic.Division {
            StepTraffic.Division(
                nodeOfRank: sharers, shardsOfRank: sharers.indices.map { assignment.shards(of: $0).count },
                rowsPerShard: configuration.batchSize / assignment.shardCount)
        }

        /// The ways between hosts that the strategy may come to, the one first that only a measurement can find to be better.
        var ways: [HostExchange] {
            configuration.strategy == .allreduce ? [.allreduce] : [.factorsAndGradients, .factorExchange]
        }

        /// What hosts send one another in a step.
        func traffic(_ way: HostExchange, _ mlp: MLP) -> StepTraffic {
            way.traffic(
                of: mlp.network, division, slices: configuration.slices,
                imageBytes: options.dataPlacement == .host ? 0 : configuration.format.imageBytes,
                synchronizesBatchNorm: configuration.batchNorm == .sync)
        }

        /// The memory of one of the ranks.
        package func memoryPlan(ofRank rank: Int, _ mlp: MLP) -> MemoryPlan {
            MemoryPlan(
                configuration, mlp: mlp, assignment: assignment,
                trainingCount: trainingCount - configuration.validationSize,
                validationCount: configuration.validationSize, testCount: testCount, threads: threads,
                evaluationThreads: processors, slices: configuration.slices, options: options,
                placement: NodePlacement(
                    rank: rank, nodes: placement.nodeOfRank,
                    hostNames: placement.nodeOfRank.map { placement.hostNames[$0] }))
        }
    }

    /// Adds everything up.
    ///
    /// - Parameters:
    ///   - shape: Ranks, hosts, settings and counts.
    ///   - data: What the data set is called.
    ///   - program: What a process of this program takes by itself.
    package init(_ shape: Shape, data: String, program: ProgramMemory) {
        let configuration = shape.configuration
        let mlp = MLP(configuration.model)
        let assignment = shape.assignment
        let rankCount = shape.placement.nodeOfRank.count
        self.shape = shape
        self.data = data
        model = configuration.modelLine
        parameters = mlp.parameterCount
        validationRecords = configuration.validationSize
        trainingRecords = shape.trainingCount - configuration.validationSize
        testRecords = shape.testCount
        (ranks, hosts) = (rankCount, shape.placement.nodeCount)
        threadsPerRank = shape.threads
        logicalShards = assignment.shardCount
        batchSize = configuration.batchSize
        let shards = (0..<rankCount).map { assignment.shards(of: $0).count }
        shardsPerRank = Span(shards)
        rowsPerRank = Span(shards.map { $0 * (configuration.batchSize / assignment.shardCount) })
        epochs = configuration.epochs
        stepsPerEpoch = LogicalShards.stepsPerEpoch(
            records: trainingRecords, shards: assignment.shardCount, globalBatch: configuration.batchSize,
            shuffle: configuration.shuffle)
        steps = stepsPerEpoch * epochs
        memory = Self.memory(shape, mlp, program: program)
        memoryOfThisMachine =
            ControlGroups.ofThisProcess.memory ?? Int(clamping: ProcessInfo.processInfo.physicalMemory)
        checkpoints = Checkpoints(shape, mlp, stepsPerEpoch: stepsPerEpoch)
        exchanges = Self.exchanges(shape, mlp, exchangesGradients: false)
    }

    /// Takes over how long it takes, and the choice that follows from it.
    package mutating func take(_ estimate: TimeEstimate) {
        self.estimate = estimate
        exchanges = Self.exchanges(
            shape, MLP(shape.configuration.model),
            exchangesGradients: estimate.exchange == .factorsAndGradients)
    }

    private static func memory(_ shape: Shape, _ mlp: MLP, program: ProgramMemory) -> Memory {
        let placement = shape.placement
        let plans = placement.nodeOfRank.indices.map { shape.memoryPlan(ofRank: $0, mlp) }
        let own = plans.indices.map { rank in
            Int(plans[rank].usual)
                + program.bytes(
                    ofRank: rank, onHost: placement.localSizes[placement.nodeOfRank[rank]], of: plans.count)
        }
        let ofHosts = (0..<placement.nodeCount).map { host in
            let ranks = placement.nodeOfRank.indices.filter { placement.nodeOfRank[$0] == host }
            let copies = shape.options.transport == .mpi ? ranks : [ranks[0]]
            return ranks.reduce(0) { $0 + own[$1] } + copies.reduce(0) { $0 + Int(plans[$1].touched) }
        }
        return Memory(
            ofRanks: plans.indices.map { own[$0] + Int(plans[$0].touched) }, ofHost: ofHosts.max() ?? 0,
            sharedObjects: plans.indices.map {
                plans[$0].sharedObjects(ofRanks: placement.localSizes[placement.nodeOfRank[$0]])
            }.max() ?? 0, program: program.atStart)
    }

    /// The ways between hosts, or with `--transport mpi` between ranks.
    private static func exchanges(_ shape: Shape, _ mlp: MLP, exchangesGradients: Bool) -> [Exchange] {
        guard Set(shape.sharers).count > 1 else { return [] }
        let chosen = shape.ways.first { $0 != .factorsAndGradients || exchangesGradients }
        return HostExchange.allCases.map {
            Exchange(
                name: $0.rawValue, bytesPerStep: shape.traffic($0, mlp).received,
                isChosen: $0 == chosen)
        }
    }

    /// The bytes of a step that reach a host by the way that is chosen.
    package var bytesPerStep: Int { exchanges.first(where: \.isChosen)?.bytesPerStep ?? 0 }
}

extension RunPlan.Checkpoints {
    /// Room for the names, shapes and places of tensors, for metadata and the configuration, and for zstd's own bytes.
    private static let bytesPerTensor = 160
    private static let headerBytes = 16_384

    init(_ shape: RunPlan.Shape, _ mlp: MLP, stepsPerEpoch: Int) {
        let (configuration, network) = (shape.configuration, mlp.network)
        let scalar = MemoryLayout<Float>.size
        let model = mlp.parameterCount + network.statisticsLayout.count
        let states = configuration.optimizer.stateNames.count
        // The model, what was best where that is another one, and a mean of the weights.
        let models =
            1 + (configuration.validationSize > 0 ? 1 : 0) + (configuration.averaging == .none ? 0 : 1)
        let entries =
            models * (network.parameterLayout.entries.count + 2 * network.statisticsLayout.entries.count)
            + states * network.parameterLayout.entries.count
        let raw =
            scalar * (models * model + states * mlp.parameterCount) + entries * Self.bytesPerTensor
            + Self.headerBytes
        bytes = raw + raw / 256
        let steps = stepsPerEpoch * configuration.epochs
        let interval: (every: Int, of: Int)? =
            switch shape.options.checkpointInterval {
            case .epochs(let count): (count, configuration.epochs)
            case .steps(let count): (count, steps)
            case .seconds: nil
            }
        // The last state is always kept.
        written = interval.map { ($0.of + $0.every - 1) / $0.every }
        let most = shape.options.keepLast.map { $0 + 1 }
        kept = [written, most].compactMap(\.self).min()
    }

    /// The bytes of all that stay, at most; of one more, which is written before the oldest goes.
    package var keptBytes: Int? { kept.map { bytes * ($0 + (written ?? .max > $0 ? 1 : 0)) } }
}

/// What a process takes whatever it trains. Of a program and its libraries that is what has been looked at, which grows while a
/// run writes files and hashes for the first time: by how much was measured with Swift 6.3 and Open MPI 4.1 on Linux.
package struct ProgramMemory: Sendable {
    private static let filesOfRank0 = 19_000_000
    private static let filesOfOthers = 5_000_000
    private static let library = 4_500_000
    private static let libraryPerRankOfHost = 1_750_000

    /// The bytes that this process has taken until now.
    package let atStart: Int

    /// Some bytes.
    package init(atStart: Int) { self.atStart = atStart }

    /// Of this process, which should be young.
    package static var ofThisProcess: ProgramMemory { ProgramMemory(atStart: PeakMemory.bytes ?? 0) }

    /// What a rank comes to take, one of so many on its host.
    func bytes(ofRank rank: Int, onHost ranks: Int, of size: Int) -> Int {
        atStart + (rank == 0 ? Self.filesOfRank0 : Self.filesOfOthers)
            + (size > 1 ? Self.library + ranks * Self.libraryPerRankOfHost : 0)
    }
}
