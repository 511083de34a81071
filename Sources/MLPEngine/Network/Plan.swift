/// What a network computes, step by step, and how much memory that takes.
struct Plan: Sendable, Hashable {
    var steps: [Step] = []
    /// Scalars per row of all slots together.
    var widthPerRow = 0
    /// Scalars that do not depend on the number of rows.
    var columnScalars = 0
    /// Two slots in which gradients travel back in turn.
    var gradients: (Slot, Slot) { (firstGradient, secondGradient) }

    private var firstGradient = Slot(offset: 0, width: 0)
    private var secondGradient = Slot(offset: 0, width: 0)

    mutating func makeSlot(width: Int) -> Slot {
        defer { widthPerRow += width }
        return Slot(offset: widthPerRow, width: width)
    }

    mutating func makeColumns(_ count: Int) -> Range<Int> {
        defer { columnScalars += count }
        return columnScalars..<columnScalars + count
    }

    mutating func finish(widest: Int) {
        firstGradient = makeSlot(width: widest)
        secondGradient = makeSlot(width: widest)
    }
}
