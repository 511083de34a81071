public import MLPEngine
public import Tensors

/// One rank's gradients, with room behind them for whatever else is summed over all ranks in the same message: the
/// batch's loss and hits, whether a rank was asked to stop, and batch norm's statistics.
public struct ReductionBuffer<Scalar: TensorScalar>: ~Copyable {
    private static var totalCount: Int { 3 }

    private let buffer: AlignedBuffer<Scalar>
    private let parameterCount: Int
    private let statisticsCount: Int

    /// Allocates room for the gradients of `network`.
    public init(for network: Sequential) {
        parameterCount = network.parameterLayout.count
        statisticsCount = network.statisticsLayout.count
        buffer = AlignedBuffer(repeating: 0, count: parameterCount + Self.totalCount + statisticsCount)
    }

    /// The flat gradients.
    public var gradients: Vector<Scalar> { buffer.vector[0..<parameterCount] }

    /// The sum of the losses, the number of correct samples, and the number of ranks that were asked to stop.
    var totals: Vector<Scalar> { buffer.vector[parameterCount..<parameterCount + Self.totalCount] }

    /// Batch norm's statistics of the batch.
    public var statistics: Vector<Scalar> { buffer.vector[parameterCount + Self.totalCount..<buffer.count] }

    /// Everything but the statistics, or everything.
    func message(withStatistics: Bool) -> Vector<Scalar> {
        withStatistics ? buffer.vector : buffer.vector[0..<parameterCount + Self.totalCount]
    }
}
