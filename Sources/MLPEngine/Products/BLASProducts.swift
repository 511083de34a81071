internal import OpenBLAS
public import Tensors

/// The matrix products of OpenBLAS, in Float: the textbook's way, the reference in every comparison, and the choice on a CPU
/// for which this project has no kernels. Which bits come out is up to the library, its version and the CPU.
public final class BLASProducts: MatrixProducts {
    /// The threads that share what is not a product.
    public var team: WorkerTeam { groups.team }

    private let groups: ColumnGroups<Float>
    /// A batch of pixels as numbers.
    private let numbers: AlignedBuffer<Float>

    /// Makes room for products.
    ///
    /// - Parameters:
    ///   - network: The network.
    ///   - batch: The rows of a pass.
    ///   - team: The threads for what is no product; the library takes as many of its own for products.
    /// - Throws: `AllocationError`.
    public init(_ network: Sequential, batch: Int, team: WorkerTeam) throws(AllocationError) {
        groups = try ColumnGroups(network, isTrained: true, team: team)
        numbers = try AlignedBuffer(allocating: batch * network.inputs)
        OpenBLAS.threadCount = team.threadCount
    }

    /// Y = X Wᵀ + 1 bᵀ in one product.
    public func forward(
        _ linear: Linear, _ x: BatchInput<Float>, parameters: Vector<Float>, into y: Matrix<Float>
    ) {
        let numbers =
            switch x {
            case .numbers(let x): x
            case .pixels(let x): self.numbers(x)
            }
        OpenBLAS.gemm(
            StridedMatrix(numbers), .none, StridedMatrix(linear.weightMatrix(parameters)), .transposed,
            into: StridedMatrix(y))
        y.addBias(parameters[linear.bias])
    }

    /// ∂L/∂X = ∂L/∂Y W in one product.
    public func inputGradient(
        of linear: Linear, dy: Matrix<Float>, parameters: Vector<Float>, into dx: Matrix<Float>
    ) {
        OpenBLAS.gemm(
            StridedMatrix(dy), .none, StridedMatrix(linear.weightMatrix(parameters)),
            into: StridedMatrix(dx))
    }

    /// ∂L/∂W = (∂L/∂Y)ᵀ X in one product.
    public func weightGradient(
        of linear: Linear, x: FactorInput<Float>, dy: FactorInput<Float>, into gradient: Matrix<Float>
    ) {
        OpenBLAS.gemm(dy.numbers, .transposed, numbers(x), into: StridedMatrix(gradient))
    }

    /// Some panels of ∂L/∂W = (∂L/∂Y)ᵀ X, each group of columns in one product.
    public func weightGradient(
        of linear: Linear, x: FactorInput<Float>, dy: FactorInput<Float>, panels: Range<Int>,
        _ body: some ColumnTask<Float>
    ) {
        let numbers = numbers(x)
        ColumnGroups<Float>.forEach(in: panels, 0..<panels.count, columns: linear.inputs) { columns in
            let room = groups.room(0, rows: linear.outputs, columns: columns.count)
            OpenBLAS.gemm(dy.numbers, .transposed, numbers[columns: columns], into: StridedMatrix(room))
            body(columns, room)
        }
    }

    /// Shares the columns out to the team.
    public func forEachGroup(of linear: Linear, panels: Range<Int>, _ body: some ColumnTask<Float>) {
        groups.forEach(of: linear, panels: panels, atOnce: 1, body)
    }

    private func numbers(_ x: FactorInput<Float>) -> StridedMatrix<Float> {
        switch x {
        case .numbers(let x): x
        case .pixels(let x): StridedMatrix(numbers(x))
        case .bytes, .bfloat16: preconditionFailure("a factor without products of its kind")
        }
    }

    /// What the pixels stand for: scale · byte + shift.
    private func numbers(_ x: PixelMatrix<Float>) -> Matrix<Float> {
        let numbers = numbers.vector[0..<x.rows * x.columns].matrix(rows: x.rows, columns: x.columns)
        x.copy(into: numbers)
        return numbers
    }
}
