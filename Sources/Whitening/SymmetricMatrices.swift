package import Collectives
package import Tensors

// Symmetric matrices whose products are shared out over ranks and threads. Every entry is one sum in one order (that of
// `Matrix.gemm`), so who computes it changes no bit.

/// The ranks, and the threads of this one, that compute together.
package struct Workers {
    let communicator: any Communicator
    let team: WorkerTeam

    /// Ranks and threads.
    package init(_ communicator: any Communicator, _ team: WorkerTeam) {
        (self.communicator, self.team) = (communicator, team)
    }
}

/// A square matrix of double precision.
package final class SquareMatrix {
    let order: Int
    private let buffer: AlignedBuffer<Double>

    /// A matrix of zeros.
    ///
    /// - Throws: `AllocationError`.
    package init(order: Int) throws(AllocationError) {
        self.order = order
        buffer = try AlignedBuffer(allocating: order * order)
    }

    /// The numbers.
    package var matrix: Matrix<Double> { buffer.matrix(rows: order, columns: order) }

    func scale(by factor: Double) {
        let values = buffer.vector.base
        for index in 0..<order * order { values[index] *= factor }
    }
}

/// The upper triangle of a symmetric matrix, in strips of columns: each strip holds its columns of all rows down to its
/// diagonal block, row-major, and the strips lie one behind the other.
///
/// Of a diagonal block only what is on and above the diagonal counts.
package final class SymmetricStrips {
    /// Rows and columns of a block: twice the rows that a product's inner loop takes at once.
    static let width = 192
    /// The blocks of a strip that one thread computes with the same packed columns.
    private static let blocksOfJob = 4

    /// Neighbouring rows of a strip, and where they begin in memory.
    struct Block {
        let columns: Range<Int>
        var rows: Range<Int>
        let start: Int

        var count: Int { rows.count * columns.count }
    }

    let order: Int
    let blocks: [Block]
    private let buffer: AlignedBuffer<Double>

    /// A matrix of zeros.
    ///
    /// - Throws: `AllocationError`.
    package init(order: Int) throws(AllocationError) {
        self.order = order
        var blocks: [Block] = []
        var start = 0
        for column in stride(from: 0, to: order, by: Self.width) {
            let columns = column..<min(column + Self.width, order)
            for row in stride(from: 0, to: columns.upperBound, by: Self.width) {
                let block = Block(
                    columns: columns, rows: row..<min(row + Self.width, columns.upperBound), start: start)
                blocks.append(block)
                start += block.count
            }
        }
        self.blocks = blocks
        buffer = try AlignedBuffer(allocating: start)
    }

    /// All entries, in the order of the blocks.
    var vector: Vector<Double> { buffer.vector }

    /// Blocks of one strip that lie one behind the other, put together to what a thread takes at once.
    static func jobs(_ blocks: ArraySlice<Block>) -> [Block] {
        var jobs: [Block] = []
        for block in blocks {
            if let last = jobs.last, last.columns == block.columns,
                last.rows.count < blocksOfJob * width
            {
                jobs[jobs.count - 1].rows = last.rows.lowerBound..<block.rows.upperBound
            } else {
                jobs.append(block)
            }
        }
        return jobs
    }

    /// A block's entries.
    func entries(of block: Block) -> Matrix<Double> {
        vector[block.start..<block.start + block.count]
            .matrix(rows: block.rows.count, columns: block.columns.count)
    }

    /// Becomes L R, which has to be symmetric, each rank computing some of the blocks. Collective: every rank must call it.
    ///
    /// - Throws: The communicator's error.
    package func setProduct(
        _ left: Matrix<Double>, _ right: Matrix<Double>, _ workers: Workers
    ) throws {
        precondition(
            left.rows == order && right.columns == order && left.columns == right.rows,
            "[\(left.rows), \(left.columns)] times [\(right.rows), \(right.columns)] for order \(order)")
        let (rank, size) = (workers.communicator.rank, workers.communicator.size)
        let jobs = Self.jobs(blocks[Range(part: rank, of: size, dividing: blocks.count)])
        let inner = left.columns
        workers.team.run(jobs.count) { index in
            let job = jobs[jobs.count - 1 - index]
            let memory = AlignedBuffer<Double>(
                zeroed: PackedMatrix<Double>.count(rows: inner, columns: job.columns.count))
            let scratch = AlignedBuffer<Double>(zeroed: Double.gemmScratch)
            let packed = PackedMatrix(memory.vector, rows: inner, columns: job.columns.count)
            packed.pack(StridedMatrix(right, columns: job.columns))
            entries(of: job).gemm(StridedMatrix(left[rows: job.rows]), packed, scratch: scratch.vector)
        }
        guard size > 1 else { return }
        let counts = (0..<size).map { rank in
            blocks[Range(part: rank, of: size, dividing: blocks.count)].reduce(0) { $0 + $1.count }
        }
        try workers.communicator.allgather(segmentsOf: vector.buffer, counts: counts)
    }

    /// Writes the whole matrix, both triangles.
    package func expand(into square: SquareMatrix, _ team: WorkerTeam) {
        let (target, order) = (square.matrix.base, order)
        team.run(blocks.count) { index in
            let block = blocks[index]
            let source = entries(of: block)
            for (row, r) in block.rows.enumerated() {
                for column in max(0, r - block.columns.lowerBound)..<source.columns {
                    let value = source.base[row * source.columns + column]
                    let c = block.columns.lowerBound + column
                    target[r * order + c] = value
                    target[c * order + r] = value
                }
            }
        }
    }

    /// Copies a matrix of the same order.
    func copy(from other: SymmetricStrips) { vector.copy(from: other.vector) }

    /// Becomes factor · A + diagonal · I.
    func transform(factor: Double, diagonal: Double) {
        let values = vector
        for index in 0..<values.count { values.base[index] *= factor }
        forEachDiagonalEntry { values.base[$0] += diagonal }
    }

    /// Adds factor · B.
    func add(_ other: SquareMatrix, factor: Double) {
        forEachRow { r, columns, values in
            let source = other.matrix.base + r * order + columns.lowerBound
            for column in 0..<columns.count { values[column] += factor * source[column] }
        }
    }

    /// The largest |A − I| of an entry; NaN where one is.
    var largestDeviationFromIdentity: Double {
        var largest = 0.0
        var isNumber = true
        forEachRow { r, columns, values in
            for (column, c) in columns.enumerated() {
                let deviation = abs(values[column] - (c == r ? 1 : 0))
                isNumber = isNumber && !deviation.isNaN
                largest = max(largest, deviation)
            }
        }
        return isNumber ? largest : .nan
    }

    /// ‖A‖∞, the largest sum of a row's magnitudes: no eigenvalue is larger.
    var infinityNorm: Double {
        var sums = [Double](repeating: 0, count: order)
        forEachRow { r, columns, values in
            for (column, c) in columns.enumerated() {
                let magnitude = abs(values[column])
                sums[r] += magnitude
                if c != r { sums[c] += magnitude }
            }
        }
        return sums.reduce(0, max)
    }

    /// Calls `body` for the entries of each row in each strip that are on or above the diagonal.
    private func forEachRow(
        _ body: (_ row: Int, _ columns: Range<Int>, _ entries: UnsafeMutablePointer<Double>) -> Void
    ) {
        for block in blocks {
            let entries = entries(of: block)
            for (row, r) in block.rows.enumerated() {
                let first = max(0, r - block.columns.lowerBound)
                body(
                    r, block.columns.lowerBound + first..<block.columns.upperBound,
                    entries.base + row * entries.columns + first)
            }
        }
    }

    private func forEachDiagonalEntry(_ body: (_ index: Int) -> Void) {
        for block in blocks {
            for (row, r) in block.rows.enumerated() where block.columns.contains(r) {
                body(block.start + row * block.columns.count + r - block.columns.lowerBound)
            }
        }
    }
}
