/// One step of a network's program, with the places of what it reads and writes.
enum Step: Sendable, Hashable {
    /// Y = X Wᵀ + 1 bᵀ from `input` (nil: the network's input) into `output`.
    case linear(Linear, input: Slot?, output: Slot)
    /// X becomes X̂ in `normalized`, X's own slot where nobody needs X again; Y goes to `output`.
    case batchNorm(BatchNorm, normalized: Slot, output: Slot, columns: ColumnSlot)
    /// h(X) into `output`, which is X's own slot where nobody needs X again.
    case activation(Activation, output: Slot)
    /// A residual branch begins here; on the way back ∂L/∂Y, kept in `gradient`, joins the branch's own gradient.
    case branch(gradient: Slot)
    /// It ends here: X in `input` (nil: the network's input) is added to the branch's output in `output`, which is
    /// the branch's own slot where its last module does not need it again; on the way back ∂L/∂Y is kept.
    case identity(input: Slot?, output: Slot, gradient: Slot)
}
