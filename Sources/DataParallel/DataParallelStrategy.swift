public import Collectives
public import MLPEngine
public import Tensors

/// A way to train on several ranks: what they exchange of a step, and which of them updates which parameters.
///
/// The layers' collectives belong to it. A new strategy is one file with a type like this, and its name where strategies are
/// chosen.
public protocol DataParallelStrategy<Scalar>: BatchCollectives where Scalar: CollectiveElement {
    /// The backend of matrix products.
    var products: any MatrixProducts<Scalar> { get }

    /// The number of parts into which a rank divides its rows.
    var parts: Int { get }

    /// The place of this rank's first row in the global batch.
    var firstRow: Int { get }

    /// The time spent in each phase of the steps.
    var times: StepTimes { get }

    /// The ranks.
    var communicator: any Communicator { get }

    /// Brings to this rank what it needs for its share of the update, after the backward pass. Collective: every rank must
    /// call it.
    ///
    /// - Parameters:
    ///   - batch: The batch.
    ///   - local: What this rank's rows came to.
    /// - Returns: What all ranks know alike.
    /// - Throws: The communicator's error.
    func exchange(_ batch: StepBatch<Scalar>, _ local: LocalResult<Scalar>) throws -> StepResult

    /// Updates this rank's share of the model, which the ranks of a node share. Collective: every rank must call it.
    ///
    /// - Parameter step: The optimizer's step, to be taken piece by piece.
    /// - Throws: The communicator's error.
    func update(_ step: OptimizerStep<Scalar>) throws

    /// Updates the running statistics and waits until the model is updated on every rank. Collective: every rank must call
    /// it.
    ///
    /// - Parameter model: The model; the same bits on every node.
    /// - Returns: Whether the gradients of all vectors were finite: they are sums over the rows of ∂L/∂Y, so that whatever is
    ///   not finite on the way back shows in them. All ranks know it alike.
    /// - Throws: The communicator's error.
    func finish(_ model: ModelState<Scalar>) throws -> Bool

    /// Where in the backward pass of the step just finished, whose gradients were not finite, this rank finds the first number
    /// that is not.
    var firstNonFiniteGradient: (entry: Int, row: Int?)? { get }
}

/// What a rank's rows came to in a step.
public struct LocalResult<Scalar: TensorScalar> {
    /// The losses of this rank's parts.
    public let losses: [BatchLoss]
    /// [P, statistics] of the forward pass.
    public let statistics: Matrix<Scalar>
    /// What this rank asks of all.
    public let requests: StepRequests
}

/// Which part of the model a rank updates: of each weight some panels of columns, and every so many-th of the vectors
/// (biases, a norm's γ and β).
struct UpdateShare<Scalar: TensorScalar> {
    /// This rank's index among those that share the work.
    let index: Int
    /// Their number.
    let count: Int
    /// The panels that are not divided.
    let panelsAtOnce: Int

    /// The panels of a layer's W that belong to this rank.
    func panels(of linear: Linear) -> Range<Int> {
        let panels = PackedMatrix<Scalar>.panelCount(linear.inputs)
        let units = Range(part: index, of: count, dividing: (panels + panelsAtOnce - 1) / panelsAtOnce)
        return min(units.lowerBound * panelsAtOnce, panels)..<min(units.upperBound * panelsAtOnce, panels)
    }

    /// The vectors of the layout that belong to this rank.
    ///
    /// - Throws: ``ParameterWithoutRule`` where the layout has a parameter that nobody would update.
    func vectors(_ layout: ParameterLayout) throws -> [OwnVector] {
        try layout.checkGradientRules()
        var (vectors, sums) = ([OwnVector](), 0)
        for (index, entry) in layout.entries.enumerated() {
            switch entry.gradient {
            case .rowSum(let linear):
                vectors.append(OwnVector(entry: index, range: entry.range, source: .rows(linear: linear)))
            case .partSums:
                vectors.append(
                    OwnVector(
                        entry: index, range: entry.range, source: .parts(sums..<sums + entry.range.count)))
                sums += entry.range.count
            case .product, nil: break
            }
        }
        // The last ranks first: where panels are unequal, the first have more.
        return vectors.enumerated().filter { $0.offset % count == count - 1 - index }.map(\.element)
    }

    /// Takes weights over once more where, after an update, they are counted in other scales than before. Collective: every
    /// rank of the node must call it, behind the barrier that ends the update.
    func requantize(
        _ products: any MatrixProducts<Scalar>, _ model: ModelState<Scalar>, _ group: NodeGroup
    ) throws where Scalar: CollectiveElement {
        guard let linear = products.requantize() else { return }
        // All ranks have found the same, but not yet all when the first one has.
        try group.barrier()
        let (panels, width) = (panels(of: linear), PackedMatrix<Scalar>.panelWidth)
        products.weightsChanged(
            of: linear, model.parameters,
            columns: panels.lowerBound * width..<min(panels.upperBound * width, linear.inputs))
        try group.barrier()
    }
}

/// A vector that a rank updates.
struct OwnVector {
    enum Source {
        /// The rows of ∂L/∂Y of the linear layer with this index.
        case rows(linear: Int)
        /// These columns of the sums of parts.
        case parts(Range<Int>)
    }

    /// Its index among the entries of the layout.
    let entry: Int
    /// Where it lies in the flat parameters.
    let range: Range<Int>
    /// What its gradient is summed over.
    let source: Source
}

extension [OwnVector] {
    /// Those of all ranks.
    ///
    /// - Throws: ``ParameterWithoutRule`` where the layout has a parameter that nobody would update.
    static func all(of layout: ParameterLayout) throws -> [OwnVector] {
        try UpdateShare<Float>(index: 0, count: 1, panelsAtOnce: 1).vectors(layout)
    }
}
