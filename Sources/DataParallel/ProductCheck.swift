internal import MLPEngine
internal import Tensors

/// Finds out which larger matrix products give the same bits as those that define a module's result.
///
/// The order in which BLAS adds up an entry of a product depends on the shape and not on the numbers. So a product of
/// random numbers that comes out the same, bit for bit, in one piece and in many, will do so for all numbers; where the
/// kernel treats edges differently, thousands of sums of random numbers show it.
struct ProductCheck {
    /// In how many products the rows of this rank's parts are taken, forward and back.
    let rowGroups: Int
    /// The column ranges of the weight gradient that this rank computes, a product each.
    let columnRanges: [Range<Int>]

    /// Tries the products of a module.
    ///
    /// - Parameters:
    ///   - module: The module.
    ///   - parts: This rank's parts.
    ///   - partRows: The rows of each.
    ///   - batch: The rows of the global batch.
    ///   - blocks: The column blocks of the weight gradient that this rank computes, one behind the other.
    ///   - threads: How many products can run side by side.
    ///   - scalar: What the network computes with.
    init<Scalar: TensorScalar>(
        _ module: Linear, parts: Int, partRows: Int, batch: Int, blocks: [Range<Int>], threads: Int,
        as scalar: Scalar.Type
    ) {
        let wanted = (min(threads, parts)...parts).first { parts % $0 == 0 } ?? parts
        if wanted == parts {
            rowGroups = parts
        } else {
            let rows = parts / wanted * partRows
            rowGroups = Self.joins(module, rows: rows, partRows: partRows, as: scalar) ? wanted : parts
        }

        let groups = min(threads, blocks.count)
        let joined = (0..<groups).map { group in
            let (first, last) = (group * blocks.count / groups, (group + 1) * blocks.count / groups - 1)
            return blocks[first].lowerBound..<blocks[last].upperBound
        }
        let isJoined = groups == blocks.count || Self.joins(module, batch: batch, blocks, joined, as: scalar)
        columnRanges = isJoined ? joined : blocks
    }

    /// Whether forward product and input gradient of `rows` rows are those of `partRows` rows at a time.
    private static func joins<Scalar: TensorScalar>(
        _ module: Linear, rows: Int, partRows: Int, as scalar: Scalar.Type
    ) -> Bool {
        let weights = Samples<Scalar>(rows: module.outputs, columns: module.inputs, shard: 0)
        let x = Samples<Scalar>(rows: rows, columns: module.inputs, shard: 1)
        let dy = Samples<Scalar>(rows: rows, columns: module.outputs, shard: 2)
        let whole = Samples<Scalar>(rows: rows, columns: max(module.inputs, module.outputs), shard: nil)
        let pieces = Samples<Scalar>(rows: rows, columns: max(module.inputs, module.outputs), shard: nil)
        func agree(_ factor: Matrix<Scalar>, _ transposition: Transposition, columns: Int) -> Bool {
            let (one, many) = (whole.matrix(columns: columns), pieces.matrix(columns: columns))
            one.setProduct(factor, .none, weights.matrix, transposition)
            for start in stride(from: 0, to: rows, by: partRows) {
                let range = start..<start + partRows
                many[rows: range].setProduct(factor[rows: range], .none, weights.matrix, transposition)
            }
            return one.vector.hasSameBits(as: many.vector)
        }
        return agree(x.matrix, .transposed, columns: module.outputs)
            && agree(dy.matrix, .none, columns: module.inputs)
    }

    /// Whether the column ranges `joined` of the weight gradient come out as block by block.
    private static func joins<Scalar: TensorScalar>(
        _ module: Linear, batch: Int, _ blocks: [Range<Int>], _ joined: [Range<Int>], as scalar: Scalar.Type
    ) -> Bool {
        let x = Samples<Scalar>(rows: batch, columns: module.inputs, shard: 3)
        let dy = Samples<Scalar>(rows: batch, columns: module.outputs, shard: 4)
        let whole = Samples<Scalar>(rows: module.outputs, columns: module.inputs, shard: nil)
        let pieces = Samples<Scalar>(rows: module.outputs, columns: module.inputs, shard: nil)
        for range in joined { whole.matrix.setColumns(range, toProduct: dy.matrix, .transposed, x.matrix) }
        for range in blocks { pieces.matrix.setColumns(range, toProduct: dy.matrix, .transposed, x.matrix) }
        return whole.matrix.vector.hasSameBits(as: pieces.matrix.vector)
    }
}

/// A matrix of random numbers, or of zeros.
private struct Samples<Scalar: TensorScalar>: ~Copyable {
    private let buffer: AlignedBuffer<Scalar>
    private let rows: Int
    private let columns: Int

    init(rows: Int, columns: Int, shard: Int?) {
        (self.rows, self.columns) = (rows, columns)
        buffer = AlignedBuffer(repeating: 0, count: rows * columns)
        guard let shard else { return }
        var stream = RandomStream(seed: 0, purpose: .testing, shard: shard)
        for index in 0..<buffer.count {
            buffer.vector[index] = Scalar(Int32(bitPattern: stream.nextUInt32())) * 0x1p-31
        }
    }

    var matrix: Matrix<Scalar> { matrix(columns: columns) }

    func matrix(columns: Int) -> Matrix<Scalar> { buffer.matrix(rows: rows, columns: columns) }
}

extension Vector {
    fileprivate func hasSameBits(as other: Vector) -> Bool {
        UnsafeRawBufferPointer(buffer).elementsEqual(UnsafeRawBufferPointer(other.buffer))
    }
}
