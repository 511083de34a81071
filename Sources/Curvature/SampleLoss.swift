public import Collectives
internal import Foundation
public import MLPEngine
internal import Synchronization
internal import Tensors

/// The mean loss L(w) of a network over fixed records, as a function of its parameters w: value, gradient and
/// Hessian-vector products, in double precision, the same bits on any number of ranks and threads.
///
/// The records are divided into chunks of a fixed size; each rank reads and computes its own, and their sums come together in a
/// fixed tree (``ChunkTree``).
///
/// Every rank must make the same calls in the same order, with the same arguments.
public final class SampleLoss {
    /// By what batch norm normalises. In both L is a sum over chunks that know nothing of one another.
    public enum BatchNormStatistics: Sendable, Hashable {
        /// The mean and variance of each chunk: the loss that training with local batch norm goes down, for parts of so many
        /// rows.
        case chunks
        /// Running statistics, in the network's layout of statistics: the loss of the network as it is tested.
        case running([Double])
    }

    /// Records as a network takes them.
    public struct Records: Sendable {
        /// X [S, inputs], row after row.
        public var inputs: [Double]
        /// The class of each.
        public var labels: [Int32]

        /// Gathers records.
        public init(inputs: [Double], labels: [Int32]) { (self.inputs, self.labels) = (inputs, labels) }
    }

    /// The network, without dropout.
    public let mlp: MLP
    /// The number of records.
    public let recordCount: Int
    /// The factor λ of a term λ/2 ‖w‖² in the loss.
    public let weightDecay: Double
    /// The number of parameters.
    public var parameterCount: Int { mlp.parameterCount }
    /// The Hessian-vector products so far.
    public private(set) var productCount = 0

    private let communicator: any Communicator
    private let threads: Int
    private let team: WorkerTeam
    private let tree: ChunkTree
    private let chunkRows: Int
    private let batchNorm: BatchNormStatistics
    /// This rank's records, and the place of the first among all.
    private let inputs: AlignedBuffer<Double>
    private let labels: [Int32]
    private let firstRecord: Int
    /// For each node of the tree its sum: a gradient or a product, and behind it the loss.
    private let sums: AlignedBuffer<Double>

    /// Reads this rank's records. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - model: The network. Its dropout is left out.
    ///   - recordCount: The number of records, at least 1.
    ///   - chunkRows: The records of a chunk; the last one may have fewer.
    ///   - batchNorm: By what batch norm normalises.
    ///   - weightDecay: The factor λ of a term λ/2 ‖w‖².
    ///   - communicator: The ranks.
    ///   - threads: This rank's threads; where ranks say different numbers, the least counts.
    ///   - read: Reads some of the records, numbered from 0.
    /// - Throws: An `AgreedFailure` where reading fails or memory is short on any rank.
    public init(
        _ model: MLPConfiguration, recordCount: Int, chunkRows: Int = 128,
        batchNorm: BatchNormStatistics = .chunks, weightDecay: Double = 0,
        communicator: any Communicator, threads: Int = 1, read: (Range<Int>) throws -> Records
    ) throws {
        precondition(
            recordCount >= 1 && chunkRows >= 1 && threads >= 1, "\(recordCount) records by \(chunkRows)")
        var model = model
        (model.dropout, model.inputDropout) = (0, 0)
        let mlp = MLP(model)
        if case .running(let statistics) = batchNorm {
            precondition(
                statistics.count == mlp.network.statisticsLayout.count,
                "\(statistics.count) running statistics for \(mlp.network.statisticsLayout.count)")
        }
        self.mlp = mlp
        (self.recordCount, self.chunkRows, self.weightDecay) = (recordCount, chunkRows, weightDecay)
        (self.batchNorm, self.communicator) = (batchNorm, communicator)
        let team = WorkerTeam(upTo: threads)
        self.team = team
        let least = try communicator.allreduce(Int64(team.threadCount), .minimum)
        self.threads = Int(least)
        let chunkCount = (recordCount + chunkRows - 1) / chunkRows
        tree = ChunkTree(chunkCount: chunkCount, workers: communicator.size * Int(least))
        let own = tree.nodes.filter { $0.worker / Int(least) == communicator.rank }.map(\.chunks)
        let first = (own.first?.lowerBound ?? 0) * chunkRows
        let last = min((own.last?.upperBound ?? 0) * chunkRows, recordCount)
        firstRecord = first
        let nodeCount = tree.nodes.count
        let parts = try communicator.agree(on: "reading the records of the loss") {
            let records =
                last > first ? try read(first..<last) : Records(inputs: [], labels: [])
            precondition(
                records.labels.count == last - first
                    && records.inputs.count == records.labels.count * mlp.configuration.inputs,
                "\(records.labels.count) labels and \(records.inputs.count) inputs for \(last - first) records"
            )
            let inputs = try AlignedBuffer<Double>(allocating: records.inputs.count)
            _ = inputs.vector.buffer.update(fromContentsOf: records.inputs)
            return Parts(
                labels: records.labels, inputs: inputs,
                sums: try AlignedBuffer(allocating: nodeCount * (mlp.parameterCount + 1)))
        }
        labels = parts.labels
        inputs = parts.inputs
        sums = parts.sums
    }

    /// What a rank reads and allocates.
    private struct Parts: ~Copyable {
        let labels: [Int32]
        let inputs: AlignedBuffer<Double>
        let sums: AlignedBuffer<Double>
    }

    // MARK: - What is asked of it

    /// L(w) and ∇L(w). Collective: every rank must call it.
    ///
    /// - Throws: The communicator's error.
    public func gradient(at parameters: [Double]) throws -> (loss: Double, gradient: [Double]) {
        var (loss, gradient) = try sum(at: parameters, along: nil)
        if weightDecay != 0 {
            loss += weightDecay / 2 * Vectors.dot(parameters, parameters)
            Vectors.add(weightDecay, parameters, to: &gradient)
        }
        return (loss, gradient)
    }

    /// H v of the Hessian H at w. Collective: every rank must call it.
    ///
    /// - Throws: The communicator's error.
    public func hessianProduct(at parameters: [Double], _ direction: [Double]) throws -> [Double] {
        productCount += 1
        var product = try sum(at: parameters, along: direction).vector
        if weightDecay != 0 { Vectors.add(weightDecay, direction, to: &product) }
        return product
    }

    /// H itself [n, n], row after row, from n products; symmetric to the last bit. Collective: every rank must call it.
    ///
    /// - Throws: The communicator's error.
    public func hessian(at parameters: [Double]) throws -> [Double] {
        let n = parameterCount
        var hessian: [Double] = []
        hessian.reserveCapacity(n * n)
        var unit = [Double](repeating: 0, count: n)
        for index in 0..<n {
            unit[index] = 1
            hessian += try hessianProduct(at: parameters, unit)
            unit[index] = 0
        }
        for row in 0..<n {
            for column in 0..<row {
                let mean = (hessian[row * n + column] + hessian[column * n + row]) / 2
                hessian[row * n + column] = mean
                hessian[column * n + row] = mean
            }
        }
        return hessian
    }

    // MARK: - Sums over the chunks

    private func sum(
        at parameters: [Double], along direction: [Double]?
    ) throws -> (loss: Double, vector: [Double]) {
        let n = parameterCount
        precondition(
            parameters.count == n && (direction ?? parameters).count == n, "vectors of \(n) parameters")
        let point = Point(parameters, direction, running: batchNorm)
        let ownNodes = tree.nodes.indices.filter { tree.nodes[$0].worker / threads == communicator.rank }
        team.run(ownNodes.count) { index in
            let node = ownNodes[index]
            compute(tree.nodes[node].chunks, at: point, into: row(node))
        }
        let counts = (0..<communicator.size).map { rank in
            tree.nodes.count { $0.worker / threads == rank } * (n + 1)
        }
        try communicator.allgather(segmentsOf: sums.vector.buffer, counts: counts)
        tree.combine { row($0).add(row($1)) }
        return (sums.vector[n], sums.vector[0..<n].array)
    }

    private func row(_ node: Int) -> Vector<Double> {
        let width = parameterCount + 1
        return sums.vector[node * width..<(node + 1) * width]
    }

    /// Writes the sum over some chunks, in the tree's order.
    private func compute(_ chunks: Range<Int>, at point: Point, into sum: Vector<Double>) {
        guard chunks.count == 1 else {
            let (left, right) = ChunkTree.halves(chunks)
            compute(left, at: point, into: sum)
            let other = AlignedBuffer<Double>(zeroed: sum.count)
            compute(right, at: point, into: other.vector)
            sum.add(other.vector)
            return
        }
        let first = chunks.lowerBound * chunkRows - firstRecord
        let rows = first..<min(first + chunkRows, labels.count)
        let x = inputs.matrix(rows: labels.count, columns: mlp.configuration.inputs)[rows: rows]
        sum[parameterCount] = DirectionalPass.run(
            mlp, x, labels: labels[rows], factor: 1 / Double(recordCount),
            parameters: point.parameters.vector, direction: point.direction, running: point.running,
            into: sum[0..<parameterCount])
    }

    /// Where the loss is evaluated, in memory that threads read.
    private final class Point {
        let parameters: AlignedBuffer<Double>
        /// Empty without a direction.
        private let directionBuffer: AlignedBuffer<Double>
        /// Empty where batch norm takes other statistics.
        private let runningBuffer: AlignedBuffer<Double>

        init(_ parameters: [Double], _ direction: [Double]?, running: BatchNormStatistics) {
            func buffer(_ values: [Double]) -> AlignedBuffer<Double> {
                let buffer = AlignedBuffer<Double>(zeroed: values.count)
                _ = buffer.vector.buffer.update(fromContentsOf: values)
                return buffer
            }
            self.parameters = buffer(parameters)
            directionBuffer = buffer(direction ?? [])
            let statistics = if case .running(let values) = running { values } else { [Double]() }
            runningBuffer = buffer(statistics)
        }

        var direction: Vector<Double>? { directionBuffer.count > 0 ? directionBuffer.vector : nil }
        var running: Vector<Double>? { runningBuffer.count > 0 ? runningBuffer.vector : nil }
    }
}
