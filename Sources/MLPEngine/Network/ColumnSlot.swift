/// A place in a ``Workspace`` for the per-column numbers of one batch norm module.
struct ColumnSlot: Sendable, Hashable {
    /// The modules before it.
    let precedingModules: Int
    /// The sum of their widths.
    let precedingWidth: Int
    /// Its own width.
    let width: Int

    func offset(parts: Int) -> Int {
        // Every module before has a constant share and one in proportion to its width.
        let constant = BatchNorm.columnScalars(width: 0, parts: parts)
        return BatchNorm.columnScalars(width: precedingWidth, parts: parts) + (precedingModules - 1)
            * constant
    }

    func count(parts: Int) -> Int { BatchNorm.columnScalars(width: width, parts: parts) }
}
