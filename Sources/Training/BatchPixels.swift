internal import Collectives
internal import Datasets
internal import MLPEngine
internal import Tensors

/// The pixels of a global batch as bytes, in memory that the ranks of a node share: each rank puts its rows there, and
/// the first layer's weight gradient in reproducible arithmetic reads all of them.
final class BatchPixels {
    private let loader: BatchLoader
    private let normalization = PixelNormalization<Float>.cifar10
    private let region: SharedRegion
    private let labelBuffer: AlignedBuffer<Int32>
    private let rowsOfRank: [Int]
    private let ownRows: Range<Int>
    private let nodeOfRank: [Int]

    /// Shares room for a batch. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - loader: This rank's rows.
    ///   - group: The ranks of this node.
    ///   - rowsOfRank: The rows of each rank's part, those of a node's ranks one behind the other.
    ///   - rank: This rank.
    /// - Throws: `SharedMemoryError`.
    init(loader: BatchLoader, group: NodeGroup, rowsOfRank: [Int], rank: Int) throws {
        self.loader = loader
        self.rowsOfRank = rowsOfRank
        nodeOfRank = group.placement.nodeOfRank
        let first = rowsOfRank[..<rank].reduce(0, +)
        ownRows = first..<first + rowsOfRank[rank]
        region = try group.makeRegion(byteCount: rowsOfRank.reduce(0, +) * CIFAR10.imageBytes)
        labelBuffer = AlignedBuffer(zeroed: loader.rows)
    }

    /// This rank's rows.
    var own: BatchInput<Float> { .pixels(normalization.numbers(pixels[rows: ownRows])) }

    /// The whole batch, once all ranks have put their rows there.
    var all: BatchInput<Float> { .pixels(normalization.numbers(pixels)) }

    /// The labels of this rank's rows.
    var labels: Vector<Int32> { labelBuffer.vector }

    /// Puts this rank's rows of a batch of the epoch that the loader has begun where the node shares them.
    func load(step: Int) {
        loader.load(step: step, into: pixels[rows: ownRows], labels: labels)
    }

    /// Brings the rows of all nodes to each. Collective: the leaders of all nodes must call it.
    ///
    /// - Throws: The communicator's error.
    func exchange(over leaders: any Communicator) throws {
        let counts = (0..<leaders.size).map { node in
            zip(nodeOfRank, rowsOfRank).reduce(0) { $0 + ($1.0 == node ? $1.1 : 0) } * CIFAR10.imageBytes
        }
        try leaders.allgather(segmentsOf: pixels.vector.buffer, counts: counts)
    }

    private var pixels: Matrix<UInt8> {
        let rows = rowsOfRank.reduce(0, +)
        let base = region.base.bindMemory(to: UInt8.self, capacity: region.byteCount)
        return Matrix(base: base, rows: rows, columns: CIFAR10.imageBytes)
    }
}
