internal import Collectives
internal import Datasets
internal import MLPEngine
internal import Tensors

/// The pixels of a global batch as bytes, in memory that the ranks of a node share.
///
/// Each rank puts its rows there; a weight gradient in reproducible arithmetic reads the rows of all. There are two
/// batches, so that a rank may prepare the next one while others still read this one.
final class BatchPixels {
    private let loader: BatchLoader
    private let group: NodeGroup
    private let region: SharedRegion
    private let normalization = PixelNormalization<Float>.cifar10
    private let labels: [AlignedBuffer<Int32>]
    private let rowsOfRank: [Int]
    private let ownRows: Range<Int>
    private var preparedStep: Int?
    private var turn = 0

    private var batch: Int { rowsOfRank.reduce(0, +) }

    /// Shares room for batches. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - loader: This rank's rows.
    ///   - group: The ranks of this node.
    ///   - rowsOfRank: The rows of each rank's part, those of a node's ranks one behind the other.
    ///   - rank: This rank.
    /// - Throws: `SharedMemoryError`.
    init(loader: BatchLoader, group: NodeGroup, rowsOfRank: [Int], rank: Int) throws {
        self.loader = loader
        self.group = group
        self.rowsOfRank = rowsOfRank
        let first = rowsOfRank[..<rank].reduce(0, +)
        ownRows = first..<first + rowsOfRank[rank]
        let byteCount = rowsOfRank.reduce(0, +) * CIFAR10.imageBytes
        region = try group.makeRegion(byteCount: 2 * byteCount)
        labels = AlignedBuffer(repeating: 0, count: 2 * loader.rows)
    }
}
