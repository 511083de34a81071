internal import Collectives
internal import Datasets
internal import Tensors

/// Some columns of the whole global batch on every rank, as the reproducible weight gradient of the first layer needs
/// them.
///
/// What travels are the pixels as bytes, a quarter of what they are as numbers.
final class GlobalInput {
    private let communicator: any Communicator
    private let loader: BatchLoader
    private let columns: Range<Int>
    private let rowsOfRank: [Int]
    private let pixelBuffer: AlignedBuffer<UInt8>
    private let inputBuffer: AlignedBuffer<Float>
    private let normalization = PixelNormalization<Float>.cifar10

    private var rows: Int { rowsOfRank.reduce(0, +) }

    /// The batch [B, 3072]; only the wanted columns are ever written.
    var matrix: Matrix<Float> { inputBuffer.matrix(rows: rows, columns: CIFAR10.imageBytes) }

    /// Allocates room for a global batch.
    ///
    /// - Parameters:
    ///   - communicator: The ranks.
    ///   - loader: This rank's rows.
    ///   - rowsOfRank: The rows of each rank's part.
    ///   - columns: The columns that this rank wants.
    init(communicator: any Communicator, loader: BatchLoader, rowsOfRank: [Int], columns: Range<Int>) {
        self.communicator = communicator
        self.loader = loader
        self.rowsOfRank = rowsOfRank
        self.columns = columns
        let count = rowsOfRank.reduce(0, +) * CIFAR10.imageBytes
        pixelBuffer = AlignedBuffer(repeating: 0, count: count)
        inputBuffer = AlignedBuffer(repeating: 0, count: count)
    }

    /// Brings a batch of the epoch that the loader has begun. Collective: every rank must call it.
    ///
    /// - Throws: The communicator's error.
    func load(step: Int) throws {
        let pixels = pixelBuffer.matrix(rows: rows, columns: CIFAR10.imageBytes)
        let first = rowsOfRank[..<communicator.rank].reduce(0, +)
        loader.copyPixels(step: step, into: pixels[rows: first..<first + loader.rows])
        try communicator.allgather(
            segmentsOf: pixels.vector.buffer, counts: rowsOfRank.map { $0 * CIFAR10.imageBytes })
        for row in 0..<rows {
            normalization.apply(
                UnsafeBufferPointer(pixels[rows: row..<row + 1].vector.buffer), columns: columns,
                into: matrix[rows: row..<row + 1].vector)
        }
    }
}
