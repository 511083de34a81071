public import Tensors

/// What becomes of pixels on their way into the network: x = (p / 255 − mean) / std, per colour channel, as one
/// multiplication and one addition.
public final class PixelNormalization<Scalar: TensorScalar>: Sendable {
    private let scale: SharedNumbers<Scalar>
    private let shift: SharedNumbers<Scalar>

    /// The normalisation of CIFAR-10's channels.
    public static var cifar10: PixelNormalization {
        PixelNormalization(mean: CIFAR10.channelMean, standardDeviation: CIFAR10.channelStandardDeviation)
    }

    /// A normalisation with the given mean and standard deviation of p / 255 for each channel.
    public init(mean: [Float], standardDeviation: [Float]) {
        precondition(mean.count == standardDeviation.count, "a mean and a deviation for each channel")
        scale = SharedNumbers(standardDeviation.map { Scalar(1 / (255 * Double($0))) })
        shift = SharedNumbers(zip(mean, standardDeviation).map { Scalar(-Double($0) / Double($1)) })
    }

    /// A view of images, one a row, their channels one after another, as normalised numbers. It must outlive neither the
    /// pixels nor this normalisation.
    public func numbers(_ pixels: Matrix<UInt8>) -> PixelMatrix<Scalar> {
        PixelMatrix(pixels, scale: scale.vector, shift: shift.vector)
    }
}

/// A few numbers that never change, at an address that does not either.
private final class SharedNumbers<Scalar: TensorScalar>: @unchecked Sendable {
    private let buffer: AlignedBuffer<Scalar>

    init(_ values: [Scalar]) {
        buffer = AlignedBuffer(zeroed: values.count)
        for (index, value) in values.enumerated() { buffer.vector[index] = value }
    }

    var vector: Vector<Scalar> { buffer.vector }
}
