/// A place in a ``Workspace`` for a matrix of up to `capacity` rows: `width` scalars a row, after `offset` scalars
/// a row of other slots.
struct Slot: Sendable, Hashable {
    let offset: Int
    let width: Int
}
