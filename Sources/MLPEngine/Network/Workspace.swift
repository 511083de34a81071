public import Tensors

/// The memory in which a network computes: activations kept for the backward pass, gradients on their way back,
/// and batch norm's per-column numbers, in one buffer that is allocated once.
///
/// A workspace serves one computation at a time; several threads need one each.
public struct Workspace<Scalar: TensorScalar>: ~Copyable {
    private let buffer: AlignedBuffer<Scalar>

    /// The largest number of rows (samples) a pass may have.
    public let capacity: Int

    /// The number of parts into which a pass divides its rows.
    public let parts: Int

    private let columnsStart: Int

    /// Allocates what `network` needs for passes of up to `capacity` rows, divided into `parts` equal parts.
    ///
    /// - Throws: `AllocationError`.
    public init(for network: Sequential, capacity: Int, parts: Int = 1) throws(AllocationError) {
        precondition(parts >= 1 && capacity >= parts, "\(capacity) rows in \(parts) parts")
        self.capacity = capacity
        self.parts = parts
        columnsStart = network.plan.widthPerRow * capacity
        buffer = try AlignedBuffer(
            allocating: Self.scalars(for: network, capacity: capacity, parts: parts), filledWith: 0)
    }

    /// The scalars of a workspace.
    public static func scalars(for network: Sequential, capacity: Int, parts: Int = 1) -> Int {
        network.plan.widthPerRow * capacity + network.plan.columnScalars(parts: parts)
    }

    func matrix(_ slot: Slot, rows: Int) -> Matrix<Scalar> {
        precondition(rows <= capacity, "\(rows) rows in a workspace for \(capacity)")
        let start = slot.offset * capacity
        return buffer.vector[start..<start + rows * slot.width].matrix(rows: rows, columns: slot.width)
    }

    func columns(_ columns: ColumnSlot) -> Vector<Scalar> {
        let start = columnsStart + columns.offset(parts: parts)
        return buffer.vector[start..<start + columns.count(parts: parts)]
    }
}
