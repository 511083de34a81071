public import Tensors

/// What becomes of pixels on their way into the network: x = (p / 255 − mean) / std, per colour channel, as one
/// multiplication and one addition.
public struct PixelNormalization<Scalar: TensorScalar>: Sendable {
    private let scale: [Scalar]
    private let shift: [Scalar]

    /// The normalisation of CIFAR-10's channels.
    public static var cifar10: PixelNormalization {
        PixelNormalization(mean: CIFAR10.channelMean, standardDeviation: CIFAR10.channelStandardDeviation)
    }

    /// A normalisation with the given mean and standard deviation of p / 255 for each channel.
    public init(mean: [Float], standardDeviation: [Float]) {
        precondition(mean.count == standardDeviation.count, "a mean and a deviation for each channel")
        scale = standardDeviation.map { Scalar(1 / (255 * Double($0))) }
        shift = zip(mean, standardDeviation).map { Scalar(-Double($0) / Double($1)) }
    }

    /// Normalises one image, its channels one after another, into `row`.
    ///
    /// - Parameters:
    ///   - pixels: The image.
    ///   - columns: The pixels to normalise; all others in `row` stay as they are.
    ///   - row: One scalar per pixel.
    public func apply(
        _ pixels: UnsafeBufferPointer<UInt8>, columns: Range<Int>? = nil, into row: Vector<Scalar>
    ) {
        precondition(
            pixels.count == row.count && row.count % scale.count == 0, "an image of \(pixels.count) bytes")
        guard let bytes = pixels.baseAddress else { return }
        let plane = row.count / scale.count
        guard let columns else {
            return Scalar.normalizePixels(scale.count, plane, bytes, scale, shift, row.base)
        }
        for channel in scale.indices {
            let range = columns.clamped(to: channel * plane..<(channel + 1) * plane)
            guard !range.isEmpty else { continue }
            let start = range.lowerBound
            scale.withUnsafeBufferPointer { scale in
                shift.withUnsafeBufferPointer { shift in
                    guard let scale = scale.baseAddress, let shift = shift.baseAddress else { return }
                    Scalar.normalizePixels(
                        1, range.count, bytes + start, scale + channel, shift + channel, row.base + start)
                }
            }
        }
    }
}
