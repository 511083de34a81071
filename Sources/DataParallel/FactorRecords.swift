internal import Collectives
internal import MLPEngine
internal import Tensors

/// The factors of all weight gradients of a batch, in memory that the ranks of a node share: a record for each row of
/// the global batch, with ∂L/∂Y of every linear module and X of all but the first.
///
/// The rows of a node are consecutive, so all its factors travel to other nodes in one message.
struct FactorRecords<Scalar: TensorScalar> {
    private let places: [FactorPlace]
    private let matrix: Matrix<Scalar>

    /// The scalars of a row's record.
    static func width(_ network: Sequential) -> Int {
        let width = network.linears.reduce(0) { $0 + $1.outputs + inputs(of: $1, network) }
        // Records a multiple of a page apart would push one another out of the cache.
        let line = AlignedBuffer<Scalar>.alignment / MemoryLayout<Scalar>.stride
        return ((width + line - 1) / line | 1) * line
    }

    /// The first module's input is the batch, which is everywhere already.
    private static func inputs(of module: Linear, _ network: Sequential) -> Int {
        module == network.linears.first ? 0 : module.inputs
    }

    init(_ network: Sequential, batch: Int, storage: Vector<Scalar>) {
        var start = 0
        func take(_ count: Int) -> Range<Int> {
            defer { start += count }
            return start..<start + count
        }
        places = network.linears.map {
            FactorPlace(
                weight: $0.weight.lowerBound, dy: take($0.outputs), x: take(Self.inputs(of: $0, network)))
        }
        matrix = storage.matrix(rows: batch, columns: Self.width(network))
    }

    /// ∂L/∂Y [B, N] of a module.
    func outputGradient(of module: Linear) -> StridedMatrix<Scalar> {
        StridedMatrix(matrix, columns: place(of: module).dy)
    }

    /// X [B, M] of a module.
    func input(of module: Linear) -> StridedMatrix<Scalar> {
        StridedMatrix(matrix, columns: place(of: module).x)
    }

    /// All records, row after row.
    var all: Vector<Scalar> { matrix.vector }

    private func place(of module: Linear) -> FactorPlace {
        guard let place = places.first(where: { $0.weight == module.weight.lowerBound }) else {
            preconditionFailure("a module of another network")
        }
        return place
    }
}

/// Where the factors of a module lie in a record. Not part of the generic type: looking for one would allocate there.
private struct FactorPlace {
    let weight: Int
    let dy: Range<Int>
    let x: Range<Int>
}
