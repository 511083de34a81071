/// What a network computes, step by step, and how much memory that takes.
struct Plan: Sendable, Hashable {
    var steps: [Step] = []
    /// Scalars per row of all slots together.
    var widthPerRow = 0
    /// Two slots in which gradients travel back in turn.
    var gradients: (Slot, Slot) { (firstGradient, secondGradient) }

    private var normalizedWidths: [Int] = []
    private var firstGradient = Slot(offset: 0, width: 0)
    private var secondGradient = Slot(offset: 0, width: 0)

    mutating func makeSlot(width: Int) -> Slot {
        defer { widthPerRow += width }
        return Slot(offset: widthPerRow, width: width)
    }

    mutating func makeColumns(width: Int) -> ColumnSlot {
        defer { normalizedWidths.append(width) }
        return ColumnSlot(
            precedingModules: normalizedWidths.count, precedingWidth: normalizedWidths.reduce(0, +),
            width: width)
    }

    /// Scalars of all column slots.
    func columnScalars(parts: Int) -> Int {
        normalizedWidths.reduce(0) { $0 + BatchNorm.columnScalars(width: $1, parts: parts) }
    }

    mutating func finish(widest: Int) {
        firstGradient = makeSlot(width: widest)
        secondGradient = makeSlot(width: widest)
    }
}
