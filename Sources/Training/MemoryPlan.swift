package import Collectives
internal import DataParallel
package import Datasets
internal import Foundation
package import MLPEngine
internal import Tensors
internal import SystemLimits
internal import Whitening

/// The memory that a run takes, and whether it can be had: told before anything is read or written.
///
/// Only what cannot be had is refused. What counts against the memory of a host is therefore what a run writes at least,
/// and what counts against a limit of addresses what it allocates at least; a run that just does not fit may pass, and
/// fails later, with an error of the allocation. What a run takes as a rule is another number, for people.
package struct MemoryPlan {
    /// Bytes that this rank writes at least of what it shares, and that it writes and allocates by itself.
    let shared: Double
    package let written: Double
    let allocated: Double
    /// The largest piece that is allocated at once, with what it is for.
    let largest: (bytes: Double, use: String)
    /// The sizes of the regions that the ranks which share memory with this one share during training.
    package let regions: [Int]
    /// The size of one more, for as long as nodes try out whether to exchange gradients; 0 for none.
    package let trialRegion: Int
    /// The bytes of its own that this rank has as a rule at the most, besides those of the program and its libraries.
    package let usual: Double
    /// The bytes of the shared regions that this rank looks at or writes to.
    package let touched: Double

    private let sharesMemory: Bool
    private let settings: String
    private let host: String

    /// The memory of a rank's part in a run.
    ///
    /// - Parameters:
    ///   - configuration: What is trained, settled.
    ///   - mlp: Its network.
    ///   - assignment: Who owns which shards.
    ///   - trainingCount: The records to train on.
    ///   - validationCount: Those held out.
    ///   - testCount: Those to test on.
    ///   - threads: The threads of the rank.
    ///   - evaluationThreads: The threads that evaluate on a rank which does so alone.
    ///   - slices: The bytes of a number in products with pixels; nil for Float products.
    ///   - options: What carries numbers, and who evaluates.
    ///   - placement: Where the rank runs.
    package init(
        _ configuration: TrainingConfiguration, mlp: MLP, assignment: ShardAssignment, trainingCount: Int,
        validationCount: Int, testCount: Int, threads: Int,
        evaluationThreads: Int? = nil, slices: Int?, options: RunOptions, placement: NodePlacement
    ) {
        let network = mlp.network
        let (rank, size) = (placement.rankAtPosition[placement.position], placement.nodeOfRank.count)
        sharesMemory = options.transport != .mpi
        let sharers = sharesMemory ? placement.localSize : 1
        let groupCount = sharesMemory ? placement.nodeCount : size
        let scalar = Double(MemoryLayout<Float>.size)
        let isAllreduce = configuration.strategy == .allreduce
        let batch = configuration.batchSize
        let parameters = Double(mlp.parameterCount + network.statisticsLayout.count)
        let state = Double(configuration.optimizer.stateNames.count * mlp.parameterCount)
        let averaged = configuration.averaging == .none ? 0 : parameters
        let evaluates = options.evaluation == .sharded || rank == 0

        // Once for all ranks that share memory: the model, its packed weights, and what a step exchanges.
        let model = ModelState<Float>.byteCount(
            mlp: mlp, optimizer: configuration.optimizer,
            pixels: slices.map { (configuration.format.channels, $0) }, averaging: configuration.averaging)
        let rowsPerShard = batch / assignment.shardCount
        let ranksOfNode = placement.nodeOfRank.indices.filter {
            options.transport == .mpi
                ? $0 == rank : placement.nodeOfRank[$0] == placement.nodeIndex
        }
        let shardsOfNode = ranksOfNode.reduce(0) { sum, rank in
            let position = placement.rankAtPosition.firstIndex(of: rank) ?? 0
            return sum + assignment.shards(of: position).count
        }
        let exchanged = DataParallelRegions.exchange(
            network, isSummed: isAllreduce, rowsPerShard: rowsPerShard, shardCount: assignment.shardCount,
            shardsOfNode: shardsOfNode, ranks: sharers, slices: slices,
            synchronizesBatchNorm: configuration.batchNorm == .sync)
        let exchange = exchanged.reduce(0, +)
        let rooms = !isAllreduce && groupCount > 1 && options.dataPlacement == .rank ? 2 : 1
        let pixels = rooms * batch * configuration.format.imageBytes
        let staging =
            sharesMemory && size > 1 ? [SharedMemoryCommunicator.regionByteCount(size: size)] : []
        regions = [NodeBarrier.byteCount] + staging + [pixels, model] + exchanged
        trialRegion = !isAllreduce && groupCount > 1 ? DataParallelRegions.gradients(network) : 0
        // What is shared with others is reserved at once; the staging area is hardly used.
        shared = Double(model + exchange + pixels) + (sharers > 1 ? Double(staging.reduce(0, +)) : 0)
        // Its columns of the weights lie on all pages.
        touched = Double(model + exchange + pixels)

        // For this rank alone: what a step computes in, the best model and the spare one, records, and on rank 0 snapshots.
        let shards = assignment.shards(of: placement.position).count
        let rows = rowsPerShard * shards
        let workspace = Double(
            Workspace<Float>.scalars(for: network, capacity: rows, parts: max(shards, 1)))
        let summedRows = isAllreduce ? rowsPerShard : batch
        let products = PackedProducts<Float>.scalars(
            for: network, batch: summedRows, threads: threads, slices: slices)
        let roundedRooms: Int =
            switch slices {
            case 1: ByteProducts.scalars(for: network, rows: rows, batch: summedRows)
            case 2: BFloat16Products.scalars(for: network, rows: rows)
            default: 0
            }
        let sampleBytes = slices.map {
            $0 == 1
                ? 0
                : Int8Gradient.byteCount(
                    capacity: summedRows, columns: network.linears[0].outputs, slices: $0)
        }
        let otherShards = options.otherShards(assignment, configuration.strategy, placement).reduce(0) {
            $0 + $1.count
        }
        let trainingShare =
            configuration.shuffle == .global
            ? 1 : Double(shards + otherShards) / Double(assignment.shardCount)
        let records =
            Double(trainingCount) * trainingShare
            + (evaluates
                ? Double(
                    validationCount + testCount
                        + (configuration.recomputesStatistics ? BatchStatistics.rows(of: trainingCount) : 0))
                    / (options.evaluation == .sharded ? Double(size) : 1) : 0)
        let snapshots = rank == 0 ? Double(SnapshotPool.count) * (parameters + state + averaged) : 0
        let looksInside = options.diagnostics && rank == 0
        let inside = looksInside ? Self.diagnostics(of: mlp, trainingCount: trainingCount, threads) : 0
        let own =
            scalar * (workspace + 2 * parameters + snapshots + inside + Double(roundedRooms)) + records
            * Double(configuration.format.imageBytes)
        // Images are whitened before there is a model.
        let whitening =
            configuration.whitening == .none
            ? 0
            : WhitenedDataset.memory(
                format: configuration.dataFormat, training: trainingCount,
                records: trainingCount + validationCount + testCount, ranks: size)
        written = max(own + scalar * Double(products.written), whitening)
        // Evaluations are computed in rooms of their own.
        let evaluationRooms =
            evaluates
            ? Double(PackedProducts<Float>.weightCount(of: network))
                + Double(Workspace<Float>.scalars(for: network, capacity: Evaluator.chunkRows)) : 0
        allocated = max(
            own + scalar
                * (Double(products.allocated) + (isAllreduce ? 0 : parameters) + evaluationRooms),
            whitening)

        let evaluating =
            evaluates
            ? Self.evaluation(
                of: network, imageBytes: configuration.format.imageBytes,
                threads: options.evaluation == .sharded ? threads : evaluationThreads ?? threads) : 0
        usual = max(
            own + scalar * Double(products.usual) + Double(sampleBytes ?? 0) + records
                + Self.indices(trainingCount: trainingCount, share: trainingShare) + evaluating,
            whitening)

        let pieces = [
            (Double(products.largest), "the weight gradients of \(threads) threads"),
            (workspace, "the activations of \(rows) rows"), (parameters, "the parameters"),
        ]
        let piece = pieces.max { $0.0 < $1.0 } ?? (0, "")
        largest = (scalar * piece.0, piece.1)

        settings =
            "--hidden-dims \(configuration.hiddenDimensions.map(String.init).joined(separator: ",")), --batch-size \(batch),"
            + " --threads \(threads)"
        host = placement.hostNames[placement.nodeIndex]
    }

    /// The bytes of objects in shared memory that the ranks of this node need: none where each has its memory for itself.
    package func sharedObjects(ofRanks ranks: Int) -> Int {
        guard sharesMemory, ranks > 1 else { return 0 }
        let page = Int(getpagesize())
        return (regions + [trialRegion]).reduce(0) { $0 + ($1 + page - 1) / page * page }
    }

    /// The lists of the records' positions: of all shards, and of this rank's in the order of an epoch and of the next.
    private static func indices(trainingCount: Int, share: Double) -> Double {
        Double(MemoryLayout<Int>.size * trainingCount) * (1 + 3 * share)
    }

    /// What an evaluation works in: the weights packed, and on each thread a pass over a chunk of images.
    private static func evaluation(of network: Sequential, imageBytes: Int, threads: Int) -> Double {
        let chunk = Evaluator.chunkRows
        let products = PackedProducts<Float>.scalars(for: network, batch: 0, threads: 1)
        let thread =
            Double(Workspace<Float>.scalars(for: network, capacity: chunk) + products.written)
            * Double(MemoryLayout<Float>.size) + Double(chunk * imageBytes)
        return Double(MemoryLayout<Float>.size * PackedProducts<Float>.weightCount(of: network))
            + Double(threads) * thread
    }

    /// The scalars of the fixed sample's gradient on rank 0: parameters before a step, their gradient, the weights packed, and
    /// what the pass computes in.
    private static func diagnostics(of mlp: MLP, trainingCount: Int, _ threads: Int) -> Double {
        let rows = Diagnostics.sampleRows(of: trainingCount)
        let products = PackedProducts<Float>.scalars(for: mlp.network, batch: rows, threads: threads)
        return Double(2 * mlp.parameterCount + PackedProducts<Float>.weightCount(of: mlp.network))
            + Double(Workspace<Float>.scalars(for: mlp.network, capacity: rows) + products.written)
    }

    /// Refuses a run whose memory cannot be had. Collective: every rank must call it.
    ///
    /// - Throws: ``ConfigurationError``, as `agree` throws it, or the communicator's error.
    package func check(over communicator: any Communicator) throws {
        let node = try bytesOfNode(over: communicator)
        try communicator.agree(on: "adding up the memory") {
            try check(node: node, ranks: communicator.placement.localSize, within: .ofThisProcess)
        }
    }

    /// The bytes that the ranks of this node write at least, together. Collective: every rank must call it.
    ///
    /// - Throws: The communicator's error.
    package func bytesOfNode(over communicator: any Communicator) throws -> Double {
        let writtenByRank = try communicator.allgather(sharesMemory ? written : written + shared)
        let nodes = communicator.placement.nodeOfRank
        return zip(nodes, writtenByRank).reduce(sharesMemory ? shared : 0) {
            $0 + ($1.0 == communicator.placement.nodeIndex ? $1.1 : 0)
        }
    }

    /// Why a run cannot be had on this node, of whose ranks all together write `node` bytes; nil where it can.
    package func refusal(node: Double, ranks: Int) -> ConfigurationError? {
        do throws(ConfigurationError) {
            try check(node: node, ranks: ranks, within: .ofThisProcess)
            return nil
        } catch {
            return error
        }
    }

    /// The same for this node alone, of whose ranks all together write `node` bytes.
    func check(node: Double, ranks: Int, within limits: MemoryLimits) throws(ConfigurationError) {
        let who = ranks == 1 ? "a rank" : "\(ranks) ranks"
        if let memory = limits.memory, node > memory {
            throw refusal(
                "\(Self.text(node)) for \(who) on it",
                expected: "\(Self.text(memory)), \(limits.source) of \(host)")
        }
        if let addresses = limits.addresses, allocated + shared > addresses {
            throw refusal(
                Self.text(allocated + shared),
                expected:
                    "\(Self.text(addresses)), what the limit of a process's addresses (ulimit -v) on \(host) leaves"
            )
        }
        if !limits.canMap(largest.bytes) {
            throw refusal(
                "\(Self.text(largest.bytes)) at once for \(largest.use)",
                expected: "what \(host) gives to a process at once")
        }
    }

    private func refusal(_ found: String, expected: String) -> ConfigurationError {
        ConfigurationError(settings, found: "a need of \(found)", expected: "to need at most \(expected)")
    }

    private static func text(_ bytes: Double) -> String { String(format: "%.2f GB", bytes / 1e9) }
}

/// What memory this process can have at most.
struct MemoryLimits {
    /// The bytes of memory and swap; nil where the system does not tell.
    let memory: Double?
    /// What sets that bound.
    let source: String
    /// The bytes of addresses that are left to this process; nil where there is no limit.
    let addresses: Double?
    /// Whether the system gives a process so many bytes at once.
    let canMap: (Double) -> Bool

    /// Those of this process now.
    static var ofThisProcess: MemoryLimits {
        let swap = kilobytes("/proc/meminfo", "SwapTotal:") ?? 0
        let physical = Double(ProcessInfo.processInfo.physicalMemory)
        let group = ControlGroups.ofThisProcess.memory.map(Double.init)
        let isGroup = group.map { $0 < physical + swap } ?? false
        let addresses = ProcessLimits.ofThisProcess.addresses.map {
            Double($0) - (kilobytes("/proc/self/status", "VmSize:") ?? 0)
        }
        let total = isGroup ? group : physical + swap
        return MemoryLimits(
            memory: total, source: isGroup ? "the memory of the control group" : "the memory and swap",
            addresses: addresses, canMap: canMap)
    }

    private static func canMap(_ bytes: Double) -> Bool {
        guard bytes < 0x1p62 else { return false }
        return (try? SingleProcessCommunicator().makeSharedRegion(byteCount: Int(bytes))) != nil
    }

    /// A number of kB from a file of lines such as `SwapTotal:  1024 kB`, in bytes.
    private static func kilobytes(_ path: String, _ name: String) -> Double? {
        guard let data = FileManager.default.contents(atPath: path) else { return nil }
        for line in String(decoding: data, as: UTF8.self).split(separator: "\n") where line.hasPrefix(name) {
            return line.split(separator: " ").dropFirst().first.flatMap { Double($0) }.map { $0 * 1024 }
        }
        return nil
    }
}
