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
/// fails later, with an error of the allocation.
package struct MemoryPlan {
    /// Bytes that the ranks of this node share, and that each of them writes and allocates by itself.
    let shared: Double
    package let written: Double
    let allocated: Double
    /// The largest piece that is allocated at once, with what it is for.
    let largest: (bytes: Double, use: String)

    private let settings: String
    private let host: String

    /// The memory of a rank's part in a run.
    package init(
        _ configuration: TrainingConfiguration, mlp: MLP, assignment: ShardAssignment, trainingCount: Int,
        validationCount: Int, testCount: Int, threads: Int, slices: Int?, evaluation: RunOptions.Evaluation,
        diagnostics: Bool = false, communicator: any Communicator
    ) {
        let network = mlp.network
        let placement = communicator.placement
        let scalar = Double(MemoryLayout<Float>.size)
        let isFast = configuration.strategy == .allreduce
        let batch = configuration.batchSize
        let parameters = Double(mlp.parameterCount)
        let state = Double(configuration.optimizer.stateNames.count) * parameters
        let averaged = configuration.averaging == .none ? 0 : parameters
        let first = network.linears[0]

        // Once for all ranks of a node: the model, its packed weights, and what a step exchanges.
        let packed = Double(PackedProducts<Float>.weightCount(of: network, slices: slices))
        let packedSlices: Int =
            switch slices {
            case nil: 0
            case 1:
                network.byteLinears(slices: 1).reduce(0) {
                    let counts = ByteWeights.counts(
                        rows: $1.outputs, columns: $1.inputs, hasBackward: !$1.readsBatch)
                    return $0 + counts.packed + counts.scales * MemoryLayout<Float>.stride
                }
            case let slices?:
                Int8Weights.packedCount(rows: first.outputs, columns: first.inputs, slices: slices)
            }
        let (byteLayers, bfloat16Layers) = (
            Set(network.byteLinears(slices: slices)), Set(network.bfloat16Linears(slices: slices))
        )
        let packedPairs = bfloat16Layers.reduce(0) {
            $0 + BFloat16Weights.count(rows: $1.outputs, columns: $1.inputs)
        }
        let factors = network.linears.reduce(0.0) {
            let format: FactorFormat =
                bfloat16Layers.contains($1) ? .bfloat16 : byteLayers.contains($1) ? .bytes : .numbers
            let counts = format.rowCounts(of: $1)
            return $0 + Double(counts.dy + counts.x)
        }
        let exchanged = isFast ? parameters * Double(placement.localSize) : factors * Double(batch)
        shared =
            scalar * (parameters + state + averaged + packed + exchanged) + Double(packedSlices)
            + Double(packedPairs * MemoryLayout<UInt32>.stride)
            + Double(batch) * Double(configuration.format.imageBytes)

        // For this rank alone: what a step computes in, the best model and the spare one, records, and on rank 0 snapshots.
        let shards = assignment.shards(of: placement.position).count
        let rows = batch / assignment.shardCount * shards
        let workspace = Double(
            Workspace<Float>.scalars(for: network, capacity: rows, parts: isFast ? 1 : max(shards, 1)))
        let products = PackedProducts<Float>.scalars(
            for: network, batch: isFast ? rows : batch, threads: threads, slices: slices)
        let roundedRooms: Int =
            switch slices {
            case 1: ByteProducts.scalars(for: network, rows: rows, batch: isFast ? rows : batch)
            case 2: BFloat16Products.scalars(for: network, rows: rows)
            default: 0
            }
        let trainingShare =
            configuration.shuffle == .global ? 1 : Double(shards) / Double(assignment.shardCount)
        let records =
            Double(trainingCount) * trainingShare
            + (evaluation == .sharded || communicator.rank == 0
                ? Double(
                    validationCount + testCount
                        + (configuration.recomputesStatistics ? BatchStatistics.rows(of: trainingCount) : 0))
                    / (evaluation == .sharded ? Double(communicator.size) : 1) : 0)
        let snapshots =
            communicator.rank == 0 ? Double(SnapshotPool.count) * (parameters + state + averaged) : 0
        let looksInside = diagnostics && communicator.rank == 0
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
                records: trainingCount + validationCount + testCount, ranks: communicator.size)
        written = max(own + scalar * Double(products.written), whitening)
        // Evaluations are computed in rooms of their own, while a checkpoint is being written from copies.
        let evaluates = evaluation == .sharded || communicator.rank == 0
        let rooms =
            evaluates
            ? Double(PackedProducts<Float>.weightCount(of: network))
                + Double(Workspace<Float>.scalars(for: network, capacity: Evaluator.chunkRows)) : 0
        let copies = communicator.rank == 0 ? parameters + state + averaged : 0
        allocated = max(
            own + scalar * (Double(products.allocated) + (isFast ? 0 : parameters) + rooms + copies),
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
        let writtenByRank = try communicator.allgather(written)
        let nodes = communicator.placement.nodeOfRank
        let node = zip(nodes, writtenByRank).reduce(shared) {
            $0 + ($1.0 == communicator.placement.nodeIndex ? $1.1 : 0)
        }
        try communicator.agree(on: "adding up the memory") {
            try check(node: node, ranks: communicator.placement.localSize, within: .ofThisProcess)
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
        var limit = rlimit()
        #if os(Linux)
        let hasLimit = getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0
        #else
        let hasLimit = getrlimit(RLIMIT_AS, &limit) == 0
        #endif
        var addresses: Double?
        if hasLimit, limit.rlim_cur < UInt64(Int64.max) {
            addresses = Double(limit.rlim_cur) - (kilobytes("/proc/self/status", "VmSize:") ?? 0)
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
