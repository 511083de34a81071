internal import Collectives
internal import MLPEngine
internal import Tensors

/// Which part of the model a rank updates: of each weight some panels of columns, and every so many-th of the vectors
/// (biases, batch norm's γ and β).
struct UpdateShare<Scalar: TensorScalar> {
    /// This rank's index among those that share the work.
    let index: Int
    /// Their number.
    let count: Int

    /// The panels of a module's W that belong to this rank.
    func panels(of module: Linear) -> Range<Int> {
        let panels = PackedMatrix<Scalar>.panelCount(module.inputs)
        return index * panels / count..<(index + 1) * panels / count
    }

    /// The entries of the layout with one extent that belong to this rank.
    func vectors(_ layout: ParameterLayout) -> [Range<Int>] {
        layout.entries.filter { $0.shape.count == 1 }.enumerated()
            // The last ranks first: where panels are unequal, the first have more.
            .filter { $0.offset % count == count - 1 - index }.map(\.element.range)
    }

    /// Packs the first module's weights once more where, after an update, they are counted in other units than before.
    /// Collective: every rank of the node must call it, behind the barrier that ends the update.
    func settle(
        _ products: LinearProducts<Scalar>, _ model: ModelState<Scalar>, _ first: Linear, _ group: NodeGroup
    ) throws where Scalar: CollectiveElement {
        guard products.settle() else { return }
        // All ranks have found the same, but not yet all when the first one has.
        try group.barrier()
        let (panels, width) = (panels(of: first), PackedMatrix<Scalar>.panelWidth)
        products.packWeights(
            of: first, model.parameters,
            columns: panels.lowerBound * width..<min(panels.upperBound * width, first.inputs))
        try group.barrier()
    }
}
