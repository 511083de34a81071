public import Tensors

/// The memory in which a network computes: activations kept for the backward pass, gradients on their way back,
/// and batch norm's per-column numbers, in one buffer that is allocated once.
///
/// A workspace serves one computation at a time; several threads need one each.
public struct Workspace<Scalar: TensorScalar>: ~Copyable {
    private let buffer: AlignedBuffer<Scalar>

    /// The largest number of rows (samples) a pass may have.
    public let capacity: Int

    private let columnsStart: Int

    /// Allocates what `network` needs for passes of up to `capacity` rows.
    public init(for network: Sequential, capacity: Int) {
        precondition(capacity >= 1, "a pass has at least one row")
        self.capacity = capacity
        columnsStart = network.plan.widthPerRow * capacity
        buffer = AlignedBuffer(repeating: 0, count: columnsStart + network.plan.columnScalars)
    }

    func matrix(_ slot: Slot, rows: Int) -> Matrix<Scalar> {
        precondition(rows <= capacity, "\(rows) rows in a workspace for \(capacity)")
        let start = slot.offset * capacity
        return buffer.vector[start..<start + rows * slot.width].matrix(rows: rows, columns: slot.width)
    }

    func columns(_ range: Range<Int>) -> Vector<Scalar> {
        buffer.vector[columnsStart + range.lowerBound..<columnsStart + range.upperBound]
    }
}
