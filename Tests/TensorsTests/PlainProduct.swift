import TensorTestSupport
import Tensors

/// A product C = A B by plain loops, with factors that are at hand in every layout.
struct PlainProduct<Scalar: TensorScalar> {
    let (m, n, k): (Int, Int, Int)
    /// A [m, k].
    let left: [Scalar]
    /// Bᵀ [n, k].
    let right: [Scalar]

    /// Random factors.
    init(_ m: Int, _ n: Int, _ k: Int) {
        let seed = UInt64(m * 1_000_000 + n * 1000 + k)
        self.init(
            m, n, k, left: Scratch.normals(m * k, seed: seed, stream: 1).map { Scalar($0) },
            right: Scratch.normals(n * k, seed: seed, stream: 2).map { Scalar($0) })
    }

    init(_ m: Int, _ n: Int, _ k: Int, left: [Scalar], right: [Scalar]) {
        (self.m, self.n, self.k) = (m, n, k)
        (self.left, self.right) = (left, right)
    }

    /// A, or Aᵀ for a product that transposes it back.
    func left(_ transposition: Transposition, _ scratch: borrowing Scratch) -> Matrix<Scalar> {
        transposition == .none
            ? scratch.vector(left).matrix(rows: m, columns: k)
            : scratch.vector(Self.transposed(left, rows: m)).matrix(rows: k, columns: m)
    }

    /// B, or Bᵀ for a product that transposes it back.
    func right(_ transposition: Transposition, _ scratch: borrowing Scratch) -> Matrix<Scalar> {
        transposition == .none
            ? scratch.vector(Self.transposed(right, rows: n)).matrix(rows: k, columns: n)
            : scratch.vector(right).matrix(rows: n, columns: k)
    }

    /// The entries as they are defined: fused multiply-adds along runs of 128 values of k, the runs of a chunk of 512
    /// one after another, then the chunks.
    var defined: [Scalar] {
        entries { x, y in
            var sum = Scalar(0)
            for chunk in stride(from: 0, to: k, by: 512) {
                var chunkSum = Scalar(0)
                for run in stride(from: chunk, to: min(chunk + 512, k), by: 128) {
                    var runSum = Scalar(0)
                    for index in run..<min(run + 128, chunk + 512, k) {
                        runSum = runSum.addingProduct(x[index], y[index])
                    }
                    chunkSum = run == chunk ? runSum : chunkSum + runSum
                }
                sum = chunk == 0 ? chunkSum : sum + chunkSum
            }
            return sum
        }
    }

    /// The entries in double precision.
    var exact: [Double] {
        entries { x, y in
            var sum = 0.0
            for index in 0..<k { sum += Double(x[index]) * Double(y[index]) }
            return sum
        }
    }

    /// The sums of the magnitudes of the terms, of which rounding errors are a share.
    var magnitudes: [Double] {
        entries { x, y in
            var sum = 0.0
            for index in 0..<k { sum += abs(Double(x[index]) * Double(y[index])) }
            return sum
        }
    }

    private func entries<Entry>(
        _ body: (_ x: UnsafeBufferPointer<Scalar>, _ y: UnsafeBufferPointer<Scalar>) -> Entry
    ) -> [Entry] {
        left.withUnsafeBufferPointer { left in
            right.withUnsafeBufferPointer { right in
                (0..<m * n).map { entry in
                    let (row, column) = (entry / n, entry % n)
                    return body(
                        UnsafeBufferPointer(rebasing: left[row * k..<(row + 1) * k]),
                        UnsafeBufferPointer(rebasing: right[column * k..<(column + 1) * k]))
                }
            }
        }
    }

    private static func transposed(_ values: [Scalar], rows: Int) -> [Scalar] {
        let columns = values.count / rows
        return (0..<values.count).map { values[$0 % rows * columns + $0 / rows] }
    }
}

/// The rounding errors of a product's entry as ``PlainProduct/defined`` sums it, whatever the kernel: from the number of
/// roundings alone.
struct SumErrors {
    /// The largest error as a share of the sum of the terms' magnitudes: γ = d u / (1 − d u) for terms that go through at
    /// most d roundings.
    let largest: Double
    /// An upper bound of the root mean square error over many entries with independent standard normal factors.
    ///
    /// Rounding a number s to nearest errs by at most u |s|, evenly, so by u |s| / √3 in the root mean square at the most;
    /// errors of different roundings are independent, and a sum of j such terms has the mean square j. (Significands of
    /// less than the worst case make errors of about three quarters of that.)
    let rootMeanSquare: Double

    /// For sums of so many terms.
    init(terms: Int) {
        let roundoff = Double(Float.ulpOfOne) / 2
        // Products are rounded, too, where multiply-adds are not fused.
        var meanSquares = Double(terms)
        var (chunks, depth) = (0, 0)
        for chunk in stride(from: 0, to: terms, by: 512) {
            let end = min(chunk + 512, terms)
            var runs = 0
            for run in stride(from: chunk, to: end, by: 128) {
                let count = min(128, end - run)
                meanSquares += Double(count * (count + 1) / 2)
                if runs > 0 { meanSquares += Double(run + count - chunk) }
                runs += 1
            }
            if chunks > 0 { meanSquares += Double(end) }
            chunks += 1
            depth = max(depth, min(128, terms) + runs)
        }
        let product = Double(depth + chunks) * roundoff
        largest = product / (1 - product)
        rootMeanSquare = roundoff * (meanSquares / 3).squareRoot()
    }
}

/// Whether all numbers have the same bits; one NaN is as good as another.
func haveSameBits<Scalar: TensorScalar>(_ first: [Scalar], _ second: [Scalar]) -> Bool {
    first.count == second.count
        && zip(first, second).allSatisfy { a, b in
            a.isNaN ? b.isNaN : a == b && a.sign == b.sign
        }
}

/// The largest |a − b| as a share of the magnitudes and of the unit roundoff; infinite where a number is none.
func worstError<Scalar: TensorScalar>(_ values: [Scalar], _ product: PlainProduct<Scalar>) -> Double {
    var worst = 0.0
    for ((value, exact), magnitude) in zip(zip(values, product.exact), product.magnitudes) {
        let error = abs(Double(value) - exact) / (magnitude * Double(Scalar.ulpOfOne))
        // A NaN must not hide behind a comparison.
        worst = error.isNaN ? .infinity : max(worst, error)
    }
    return worst
}

/// A product of packed factors.
struct Product<Scalar: TensorScalar>: ~Copyable {
    let scratch = Scratch()

    /// B packed, from itself or from its transpose.
    func pack(_ b: Matrix<Scalar>, _ transposition: Transposition = .none) -> PackedMatrix<Scalar> {
        let (rows, columns) = transposition == .none ? (b.rows, b.columns) : (b.columns, b.rows)
        let packed = PackedMatrix<Scalar>(
            scratch.unset(PackedMatrix<Scalar>.count(rows: rows, columns: columns)), rows: rows,
            columns: columns)
        switch transposition {
        case .none: packed.pack(StridedMatrix(b))
        case .transposed: packed.pack(transposeOf: b, columns: 0..<rows)
        }
        return packed
    }

    var room: Vector<Scalar> { scratch.unset(Scalar.gemmScratch) }
}
