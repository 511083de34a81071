internal import Collectives
internal import Datasets
internal import Tensors

/// The sums Σ c_p and Σ c_p c_q over images, with c = byte − 128 of each pixel: whole numbers, and exact, so that they are
/// the same however the images are divided among ranks and threads.
///
/// Products of Floats compute them: 2¹⁰ products of such numbers add up to at most 2²⁴, up to which a Float holds every
/// whole number, and so does a Double up to 2⁵³.
package struct PixelMoments {
    /// Images whose products a Float can add up.
    private static let blockRows = 1 << 10
    /// What is taken from bytes.
    static let centre: Float = 128
    /// More images could not be added up exactly.
    static let mostImages = 1 << 24

    /// The number of images n.
    package let count: Int
    /// Σ c_p.
    package let sums: [Double]
    /// Σ c_p c_q; nil where it was not asked for.
    package let products: SymmetricStrips?

    /// Adds up the images of all ranks. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - images: This rank's, one behind the other.
    ///   - places: Which of them count, from 0.
    ///   - imageBytes: The bytes of each.
    ///   - withProducts: Whether Σ c_p c_q are wanted.
    ///   - workers: Who computes.
    /// - Throws: An `AgreedFailure` where there is no memory, or the communicator's error.
    package init(
        _ images: [UInt8], at places: [Int], imageBytes: Int, withProducts: Bool, _ workers: Workers
    ) throws {
        let (communicator, team) = (workers.communicator, workers.team)
        let rows = places.count
        let count = Int(try communicator.allreduce(Int64(rows), .sum))
        precondition(count <= Self.mostImages, "moments of \(count) images")
        let room = min(Self.blockRows, rows)
        // Three numbers of different kinds, so no closure can give them all back at once.
        let numbers = try communicator.agree(on: "making room for the covariance") {
            try AlignedBuffer<Float>(allocating: room * imageBytes)
        }
        let bytes = try communicator.agree(on: "making room for the covariance") {
            try AlignedBuffer<UInt8>(allocating: room * imageBytes)
        }
        let products = try communicator.agree(on: "making room for the covariance") {
            withProducts ? try SymmetricStrips(order: imageBytes) : nil
        }
        let affine = AlignedBuffer<Float>(zeroed: 2)
        (affine.vector[0], affine.vector[1]) = (1, -Self.centre)
        let columnSums = AlignedBuffer<Float>(zeroed: imageBytes)
        var sums = [Double](repeating: 0, count: imageBytes)
        for first in stride(from: 0, to: rows, by: Self.blockRows) {
            let block = min(Self.blockRows, rows - first)
            let pixels = bytes.matrix(rows: block, columns: imageBytes)
            for row in 0..<block {
                let image = images[places[first + row] * imageBytes..<(places[first + row] + 1) * imageBytes]
                _ = pixels[rows: row..<row + 1].vector.buffer.update(fromContentsOf: image)
            }
            let centred = numbers.matrix(rows: block, columns: imageBytes)
            PixelMatrix(pixels, scale: affine.vector[0..<1], shift: affine.vector[1..<2]).copy(into: centred)
            centred.sumColumns(into: columnSums.vector)
            for column in 0..<imageBytes { sums[column] += Double(columnSums.vector[column]) }
            products?.addGram(of: centred, team)
        }
        try communicator.allreduce(&sums, .sum)
        if let products { try communicator.allreduce(products.vector.buffer, .sum) }
        (self.count, self.sums, self.products) = (count, sums, products)
    }

    /// The means of bytes.
    var means: [Double] { sums.map { Double(Self.centre) + $0 / Double(count) } }

    /// The covariance of c_p scale_p, in place of the products.
    ///
    /// - Precondition: They were asked for.
    func covariance(scales: [Double]) -> SymmetricStrips {
        guard let products else { preconditionFailure("a covariance without products") }
        let (n, squared) = (Int64(count), Double(count) * Double(count))
        let whole = sums.map { Int64($0) }
        for block in products.blocks {
            let entries = products.entries(of: block)
            for (row, r) in block.rows.enumerated() {
                let values = entries.base + row * entries.columns
                for (column, c) in block.columns.enumerated() {
                    // The difference may be small where both are large: in whole numbers it is exact.
                    let difference = n * Int64(values[column]) - whole[r] * whole[c]
                    values[column] = Double(difference) / squared * (scales[r] * scales[c])
                }
            }
        }
        return products
    }
}

extension SymmetricStrips {
    /// Adds XᵀX, where every sum has to be a whole number that a Float holds.
    fileprivate func addGram(of x: Matrix<Float>, _ team: WorkerTeam) {
        let jobs = Self.jobs(blocks[...])
        team.run(jobs.count) { index in
            let job = jobs[jobs.count - 1 - index]
            let (rows, columns) = (job.rows.count, job.columns.count)
            let memory = AlignedBuffer<Float>(
                zeroed: PackedMatrix<Float>.count(rows: x.rows, columns: columns))
            let scratch = AlignedBuffer<Float>(zeroed: Float.gemmScratch)
            let result = AlignedBuffer<Float>(zeroed: rows * columns)
            let packed = PackedMatrix(memory.vector, rows: x.rows, columns: columns)
            packed.pack(StridedMatrix(x, columns: job.columns))
            result.matrix(rows: rows, columns: columns).gemm(
                transposeOf: StridedMatrix(x, columns: job.rows), packed, scratch: scratch.vector)
            let (sums, added) = (entries(of: job).base, result.vector.base)
            for entry in 0..<rows * columns { sums[entry] += Double(added[entry]) }
        }
    }
}
