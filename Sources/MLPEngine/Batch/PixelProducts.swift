internal import Foundation
internal import Tensors

/// The products of a network's first module with pixels, in integers: see ``MatmulPrecision``.
///
/// It keeps the units of the weights that hold now. They are the same on every rank, since they follow from what all ranks
/// see.
final class PixelProducts {
    let weights: Int8Weights

    private var scales: Int8Scales?
    private let largest: AlignedBuffer<Float>
    private let constants: AlignedBuffer<Float>
    private let totals: AlignedBuffer<Double>
    private let samples: Int8Gradient?
    /// The scale of each pixel of a row, and what 128 stands for.
    private let factors: AlignedBuffer<Float>
    private let zeroPoints: AlignedBuffer<Float>
    private var hasFactors = false

    /// Takes packed weights, and makes room for weight gradients over up to `batch` rows; 0 where none are computed.
    init(_ weights: Int8Weights, batch: Int) throws(AllocationError) {
        self.weights = weights
        largest = try AlignedBuffer(allocating: weights.rows)
        constants = try AlignedBuffer(allocating: weights.rows)
        totals = try AlignedBuffer(allocating: weights.rows)
        samples =
            batch == 0
            ? nil : try Int8Gradient(capacity: batch, columns: weights.rows, slices: weights.slices)
        factors = try AlignedBuffer(allocating: weights.columns)
        zeroPoints = try AlignedBuffer(allocating: weights.columns)
    }

    /// Takes over the units that follow from the weights of all ranks.
    ///
    /// - Returns: Whether weights have been packed with other units.
    func settle() -> Bool {
        weights.largest(into: largest.vector)
        guard scales != nil else {
            scales = Int8Scales(largest: largest.vector, slices: weights.slices)
            return false
        }
        return scales?.update(largest: largest.vector) ?? false
    }

    func pack(_ matrix: Matrix<Float>, columns: Range<Int>) {
        guard let scales else { preconditionFailure("weights without units") }
        weights.pack(matrix, columns: columns, scales: scales)
    }

    /// Prepares the products of a pass with these pixels' normalisation.
    func prepare(_ x: PixelMatrix<Float>, bias: Vector<Float>) {
        if scales == nil { _ = settle() }
        guard let scales else { preconditionFailure("weights without units") }
        weights.constants(
            scales: scales, shift: x.shift, bias: bias, totals: totals.vector, into: constants.vector)
    }

    func forward(_ x: PixelMatrix<Float>, matrix: Matrix<Float>, bias: Vector<Float>, into y: Matrix<Float>) {
        guard let scales else { preconditionFailure("weights without units") }
        y.gemm(
            x, weights, scales: scales, constants: constants.vector, weights: matrix, bias: bias)
    }

    /// Prepares weight gradients from ∂L/∂Y and pixels.
    func prepare(_ dy: StridedMatrix<Float>, _ x: PixelMatrix<Float>) {
        samples?.pack(dy)
        // The normalisation is the same for all batches.
        guard !hasFactors else { return }
        hasFactors = true
        for column in 0..<x.columns {
            factors.vector[column] = x.scale[column / x.channelSize]
            zeroPoints.vector[column] =
                x.shift[column / x.channelSize] + 128 * x.scale[column / x.channelSize]
        }
    }

    func gradient(
        _ x: PixelMatrix<Float>, columns: Range<Int>, at first: Int, into gradient: Matrix<Float>,
        room: Vector<UInt8>
    ) {
        guard let samples else { preconditionFailure("no room for weight gradients") }
        gradient.gemm(
            samples, x, columns: columns, at: first, factors: factors.vector, zeroPoints: zeroPoints.vector,
            scratch: room)
    }
}
