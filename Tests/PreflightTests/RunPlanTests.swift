import Collectives
import CollectivesTesting
import DataParallel
import Datasets
import MLPEngine
import Preflight
import Synchronization
import Tensors
import Testing
import Training

/// What a plan says of bytes is what a run's collectives and regions are called with.
@Suite struct RunPlanTests {
    /// What the ranks of a run have exchanged and shared.
    private final class Counts: Sendable {
        struct Values: Equatable {
            /// Bytes that each rank has contributed to what nodes gather, and that it has had summed over nodes.
            var gathered: [Int]
            var reduced: [Int]
            /// The collectives between nodes that each rank has waited for at once.
            var collectives: [Int]
            /// Regions of the node of each rank.
            var regions: [[Int]]
        }

        let values: Mutex<Values>

        init(_ ranks: Int) {
            values = Mutex(
                Values(
                    gathered: Array(repeating: 0, count: ranks), reduced: Array(repeating: 0, count: ranks),
                    collectives: Array(repeating: 0, count: ranks),
                    regions: Array(repeating: [], count: ranks)))
        }

        /// What was counted until now; from now on it is counted anew.
        func take(_ rank: Int) -> (gathered: Int, reduced: Int, collectives: Int, regions: [Int]) {
            values.withLock { values in
                defer {
                    (values.gathered[rank], values.reduced[rank]) = (0, 0)
                    (values.collectives[rank], values.regions[rank]) = (0, [])
                }
                return (
                    values.gathered[rank], values.reduced[rank], values.collectives[rank],
                    values.regions[rank]
                )
            }
        }
    }

    /// Counts what travels between nodes, and what is shared within one.
    private final class CountingCommunicator: ForwardingCommunicator, @unchecked Sendable {
        private let counts: Counts
        private let worldRank: Int

        init(_ base: any Communicator, counts: Counts, worldRank: Int) {
            (self.counts, self.worldRank) = (counts, worldRank)
            super.init(base)
        }

        private var isBetweenNodes: Bool { placement.nodeCount > 1 }

        private func wait() {
            guard isBetweenNodes else { return }
            counts.values.withLock { $0.collectives[worldRank] += 1 }
        }

        private func gather<E>(_ count: Int, of _: E.Type) {
            guard isBetweenNodes else { return }
            counts.values.withLock { $0.gathered[worldRank] += count * MemoryLayout<E>.stride }
        }

        override func allreduce<E: CollectiveElement>(
            _ buffer: UnsafeMutableBufferPointer<E>, _ operation: ReductionOperation
        ) throws {
            if isBetweenNodes {
                counts.values.withLock { $0.reduced[worldRank] += buffer.count * MemoryLayout<E>.stride }
            }
            wait()
            try super.allreduce(buffer, operation)
        }

        override func idleAllreduce<E: CollectiveElement>(
            _ buffer: UnsafeMutableBufferPointer<E>, _ operation: ReductionOperation
        ) throws {
            if isBetweenNodes {
                counts.values.withLock { $0.reduced[worldRank] += buffer.count * MemoryLayout<E>.stride }
            }
            try super.idleAllreduce(buffer, operation)
        }

        override func allgather<E: CollectiveElement>(
            _ contribution: UnsafeBufferPointer<E>, into result: UnsafeMutableBufferPointer<E>
        ) throws {
            gather(contribution.count, of: E.self)
            wait()
            try super.allgather(contribution, into: result)
        }

        override func allgather<E: CollectiveElement>(
            segmentsOf buffer: UnsafeMutableBufferPointer<E>, counts segments: [Int]
        ) throws {
            gather(segments[rank], of: E.self)
            wait()
            try super.allgather(segmentsOf: buffer, counts: segments)
        }

        override func idleAllgather<E: CollectiveElement>(
            segmentsOf buffer: UnsafeMutableBufferPointer<E>, counts segments: [Int]
        ) throws {
            gather(segments[rank], of: E.self)
            try super.idleAllgather(segmentsOf: buffer, counts: segments)
        }

        override func split(color: Int, key: Int) throws -> any Communicator {
            CountingCommunicator(
                try super.split(color: color, key: key), counts: counts, worldRank: worldRank)
        }

        override func makeSharedRegion(byteCount: Int) throws -> SharedRegion {
            counts.values.withLock { $0.regions[worldRank].append(byteCount) }
            return try super.makeSharedRegion(byteCount: byteCount)
        }
    }

    private static let batchSize = 32
    private static let steps = 3

    struct Case: Sendable, CustomStringConvertible {
        var nodes: [Int]
        var batchNorm = BatchNormMode.none
        var precision = MatmulPrecision.high
        var strategy = TrainingConfiguration.Strategy.factorExchange
        var transport = RunOptions.Transport.shared
        var layerNorm = false

        var description: String {
            "\(nodes), batch norm \(batchNorm), \(precision), \(strategy), \(transport)\(layerNorm ? ", layer norm" : "")"
        }

        var configuration: TrainingConfiguration {
            var configuration = TrainingConfiguration()
            configuration.hiddenDimensions = [70, 128, 128]
            configuration.batchSize = RunPlanTests.batchSize
            configuration.batchNorm = batchNorm
            configuration.layerNorm = layerNorm
            configuration.matmulPrecision = precision
            configuration.strategy = strategy
            configuration.momentum = 0.9
            configuration.logicalShards = 8
            configuration.validationSize = 0
            return configuration
        }
    }

    static let cases = [
        Case(nodes: [0, 1]), Case(nodes: [0, 0, 1]), Case(nodes: [0, 1, 1, 2], batchNorm: .sync),
        Case(nodes: [0, 0, 1], batchNorm: .local), Case(nodes: [0, 1], batchNorm: .sync, precision: .low),
        Case(nodes: [0, 0, 1, 1], precision: .highest, layerNorm: true),
        Case(nodes: [0, 0, 1], strategy: .allreduce),
        Case(nodes: [0, 1, 1], batchNorm: .sync, strategy: .allreduce),
        Case(nodes: [0, 1], batchNorm: .sync, strategy: .allreduce),
        Case(nodes: [0, 0, 1], batchNorm: .sync, transport: .mpi), Case(nodes: [0, 0]),
    ]

    @Test("Bytes between hosts and shared memory are those of a run's steps, exactly", arguments: cases)
    func bytes(of example: Case) throws {
        let configuration = example.configuration
        let counts = Counts(example.nodes.count)
        let counted = try ThreadCommunicator.run(nodeOfRank: example.nodes) { base in
            let communicator = CountingCommunicator(base, counts: counts, worldRank: base.rank)
            let assignment = ShardAssignment(worldSize: base.size, shardCount: 8)
            let records = Self.steps * Self.batchSize
            let loader = try BatchLoader(
                dataset: SyntheticDataset(seed: 1, trainingCount: records, testCount: 0),
                shards: LogicalShards(records: Array(0..<records), count: 8, seed: 1),
                ownedShards: assignment.shards(of: base.placement.position), globalBatch: Self.batchSize,
                shuffle: .shards)
            loader.beginEpoch(0)
            let (runner, _) = try StepRunner.make(
                communicator, example.transport, configuration: configuration,
                mlp: MLP(configuration.model), loader: loader, assignment: assignment,
                team: WorkerTeam(threadCount: 1), slices: configuration.slices, note: { _ in })
            try runner.model.broadcast(to: runner.products)
            let regions = counts.take(base.rank).regions
            for step in 0..<Self.steps {
                _ = try runner.step(step, stepInEpoch: step, learningRate: 0.01)
            }
            let exchanged = counts.take(base.rank)
            return [exchanged.gathered, exchanged.reduced, exchanged.collectives] + regions
        }

        var options = RunOptions.defaults
        (options.transport, options.threads) = (example.transport, 1)
        let placement = NodePlacement(
            rank: 0, nodes: example.nodes, hostNames: example.nodes.map { "node-\($0)" })
        let shape = RunPlan.Shape(
            configuration, options: options, placement: placement, threads: 1, processors: 1,
            trainingCount: Self.steps * Self.batchSize, testCount: 0)
        let plan = RunPlan(shape, data: "", program: ProgramMemory(atStart: 0))

        let groups = shape.sharers
        let groupCount = (groups.max() ?? 0) + 1
        var gathered = [Int](repeating: 0, count: groupCount)
        for (rank, values) in counted.enumerated() { gathered[groups[rank]] += values[0] }
        let reduced = counted.map { $0[1] }.max() ?? 0
        let received = gathered.map {
            gathered.reduce(0, +) - $0 + 2 * reduced * (groupCount - 1) / groupCount
        }
        #expect(received.max() ?? 0 > 0 || groupCount == 1)
        // Which of the ways is taken is measured at the start.
        let names =
            example.strategy == .allreduce
            ? ["allreduce"] : ["factor-exchange", "factor-exchange and gradients"]
        let ways = plan.exchanges.filter { names.contains($0.name) }.map(\.bytesPerStep)
        #expect(
            groupCount == 1 ? plan.exchanges.isEmpty : ways.contains((received.max() ?? 0) / Self.steps),
            "\(received), \(plan.exchanges)")
        #expect(plan.stepsPerEpoch == Self.steps)
        let division = StepTraffic.Division(
            nodeOfRank: groups,
            shardsOfRank: groups.indices.map {
                ShardAssignment(worldSize: groups.count, shardCount: 8).shards(of: $0).count
            }, rowsPerShard: Self.batchSize / 8)
        let taken = HostExchange.allCases.filter { names.contains($0.rawValue) }.map {
            $0.traffic(
                of: MLP(configuration.model).network, division, slices: configuration.slices,
                imageBytes: configuration.format.imageBytes,
                synchronizesBatchNorm: example.batchNorm == .sync)
        }.first { $0.received == (received.max() ?? 0) / Self.steps }
        let waited = counted.map { $0[2] }.max() ?? 0
        #expect(groupCount == 1 || taken?.waited.count == waited / Self.steps, "\(waited), \(taken as Any)")

        guard example.transport == .shared else { return }
        for rank in example.nodes.indices {
            let memory = shape.memoryPlan(ofRank: rank, MLP(configuration.model))
            let expected = (memory.regions + (memory.trialRegion > 0 ? [memory.trialRegion] : [])).sorted()
            #expect(Array(counted[rank].dropFirst(3)).sorted() == expected, "of rank \(rank)")
        }
    }

    @Test("Of the ways between hosts one is chosen: the strategy's, and with gradients where that is faster")
    func choice() throws {
        var configuration = Case(nodes: [0, 1]).configuration
        for strategy in [TrainingConfiguration.Strategy.factorExchange, .allreduce] {
            configuration.strategy = strategy
            let shape = RunPlan.Shape(
                configuration, options: .defaults, ranks: 2, hosts: 2, threads: 1, processors: 1,
                trainingCount: 96, testCount: 0)
            for speed in [1.0, 1e18] {
                var plan = RunPlan(shape, data: "", program: ProgramMemory(atStart: 0))
                let link = HostLink(bytesPerSecond: speed, latency: 1)
                plan.take(try TimeEstimate(of: plan, over: link))
                let chosen = plan.exchanges.filter(\.isChosen).map(\.name)
                // How fast this machine is decides what is gained where the link costs nothing.
                let expected =
                    strategy == .allreduce
                    ? ["allreduce"]
                    : speed == 1 ? ["factor-exchange"] : ["factor-exchange", "factor-exchange and gradients"]
                #expect(chosen.count == 1 && expected.contains(chosen[0]))
                let estimate = try #require(plan.estimate)
                #expect(estimate.secondsPerStep == estimate.step.seconds)
                #expect(estimate.secondsPerStep >= Double(plan.bytesPerStep) / speed)
                #expect(estimate.step.messages >= 2)
                #expect(estimate.seconds >= Double(plan.steps) * estimate.secondsPerStep)
            }
        }
    }

    private static func growth(
        batchSize: Int = 32, hosts: Int, ranksPerHost: Int = 1, isWeak: Bool = false
    ) throws -> Growth {
        var configuration = Case(nodes: []).configuration
        (configuration.batchSize, configuration.logicalShards) = (batchSize, nil)
        return try Growth(
            configuration, options: .defaults, hosts: hosts, ranksPerHost: ranksPerHost, isWeak: isWeak,
            threads: 1, trainingCount: 1000, over: HostLink(bytesPerSecond: 1e9, latency: 1e-4),
            seconds: 0.05)
    }

    @Test("A table of growth has 1, 2, 4, … hosts, with both strategies on each", arguments: [false, true])
    func growth(isWeak: Bool) throws {
        let growth = try Self.growth(hosts: 5, ranksPerHost: 2, isWeak: isWeak)
        #expect(growth.rows.map(\.hosts) == [1, 2, 4, 5] && growth.end == nil)
        #expect(growth.rows.map(\.ranks) == [2, 4, 8, 10])
        for row in growth.rows {
            #expect(row.batchSize == (isWeak ? 32 * row.hosts : 32))
            #expect(row.strategies.map(\.strategy) == ["factor-exchange", "allreduce"])
            #expect(["factor-exchange", "allreduce"].contains(row.auto))
            for strategy in row.strategies {
                #expect(strategy.secondsPerStep > 0 && strategy.secondsPerStep == strategy.step.seconds)
                let images = Double(row.batchSize) / strategy.secondsPerStep
                #expect(abs(strategy.imagesPerSecond / images - 1) < 1e-9)
                #expect((strategy.bytesPerStep > 0) == (row.hosts > 1))
            }
        }
        #expect(growth.rows[0].strategies.map(\.speedUp).max() == 1)
        // A title, two of columns, the rows, and one of marks if there are any.
        #expect((7...8).contains(growth.lines.count))
    }

    @Test("It ends where the settings do, and says why")
    func endOfGrowth() throws {
        let shards = try Self.growth(batchSize: 8, hosts: 64)
        #expect(shards.rows.map(\.hosts) == [1, 2, 4, 8])
        #expect(shards.end?.contains("--logical-shards") == true)
        let images = try Self.growth(batchSize: 200, hosts: 8, isWeak: true)
        #expect(images.rows.map(\.hosts) == [1, 2, 4] && images.end?.contains("1000 images") == true)
        #expect(images.lines.last == images.end)
    }

    @Test("Ranks stand on hosts as evenly as can be, and take shards and rows of a batch accordingly")
    func division() {
        var configuration = Case(nodes: []).configuration
        configuration.epochs = 2
        let shape = RunPlan.Shape(
            configuration, options: .defaults, ranks: 3, hosts: 2, threads: 1, processors: 1,
            trainingCount: 100, testCount: 10)
        let plan = RunPlan(shape, data: "", program: ProgramMemory(atStart: 0))
        #expect(shape.placement.localSizes == [1, 2])
        #expect(plan.shardsPerRank.least == 2 && plan.shardsPerRank.most == 3)
        #expect(plan.rowsPerRank.least == 8 && plan.rowsPerRank.most == 12)
        #expect(plan.stepsPerEpoch == 3 && plan.steps == 6)
        #expect(plan.memory.ofRanks.count == 3 && plan.memory.ofHost > plan.memory.ofRanks[1])
    }

    @Test("Checkpoints are counted by their interval, and those that stay by --keep-last")
    func checkpoints() {
        var configuration = Case(nodes: []).configuration
        configuration.epochs = 5
        func plan(_ interval: CheckpointInterval, keepLast: Int? = nil) -> RunPlan.Checkpoints {
            var options = RunOptions.defaults
            (options.checkpointInterval, options.keepLast) = (interval, keepLast)
            return RunPlan(
                RunPlan.Shape(
                    configuration, options: options, ranks: 1, hosts: 1, threads: 1, processors: 1,
                    trainingCount: 96, testCount: 0), data: "", program: ProgramMemory(atStart: 0)
            ).checkpoints
        }
        #expect(plan(.epochs(2)).written == 3 && plan(.epochs(2)).kept == 3)
        #expect(plan(.steps(4)).written == 4 && plan(.steps(4), keepLast: 1).kept == 2)
        #expect(plan(.seconds(60)).written == nil && plan(.seconds(60)).kept == nil)
        #expect(plan(.seconds(60), keepLast: 3).kept == 4)
    }
}
