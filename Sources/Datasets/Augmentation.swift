public import Tensors

/// A random change to training images, so that a network does not see the same image twice.
///
/// Changes are made on the bytes, before normalisation, and keyed by seed, epoch and the image's place in it, so they do not
/// depend on the number of ranks.
///
/// Source of both for CIFAR-10: He, Zhang, Ren, Sun, "Deep residual learning for image recognition", CVPR 2016, section 4.2.
public enum Augmentation: String, Codable, Sendable, CaseIterable {
    /// A part of the image's size out of the image with ``Augmenter/padding`` pixels of ``ImageFormat/paddingByte`` around it.
    case crop
    /// Left and right exchanged, of one image in two.
    case flip
}

/// Changes the images of batches.
public final class Augmenter {
    /// The pixels on each side of an image of which a crop takes a part.
    public static let padding = 4

    private let format: ImageFormat
    private let seed: UInt64
    private let crops: Bool
    private let flips: Bool
    private let original: AlignedBuffer<UInt8>

    /// Changes of these kinds.
    ///
    /// - Parameters:
    ///   - augmentations: The kinds; their order does not matter.
    ///   - format: What the images are.
    ///   - seed: The run's seed.
    public init(_ augmentations: [Augmentation], format: ImageFormat, seed: UInt64) {
        self.format = format
        self.seed = seed
        crops = augmentations.contains(.crop)
        flips = augmentations.contains(.flip)
        original = AlignedBuffer(zeroed: format.imageBytes)
    }

    /// Changes the images of some rows of a batch in place.
    ///
    /// - Parameters:
    ///   - images: [S, bytes of an image], channel by channel, each row-major.
    ///   - epoch: The epoch, from 0.
    ///   - first: The place of the first row among all of the epoch; the others follow.
    public func change(_ images: Matrix<UInt8>, epoch: Int, first: Int) {
        precondition(images.columns == format.imageBytes, "images of \(images.columns) bytes")
        for row in 0..<images.rows {
            var random = RandomStream(
                seed: seed, purpose: .augmentation, epoch: epoch, shard: first + row)
            // All are drawn whatever is asked for: a flip is the same one with crops and without.
            let down = random.integer(below: 2 * Self.padding + 1) - Self.padding
            let right = random.integer(below: 2 * Self.padding + 1) - Self.padding
            let isFlipped = random.integer(below: 2) == 1
            change(
                images[rows: row..<row + 1].vector, down: crops ? down : 0, right: crops ? right : 0,
                isFlipped: flips && isFlipped)
        }
    }

    /// Turns an image into the part of it that begins so many rows further down and columns further right, padding where there
    /// is nothing, and then mirrors it if asked to.
    package func change(_ image: Vector<UInt8>, down: Int, right: Int, isFlipped: Bool) {
        guard down != 0 || right != 0 || isFlipped else { return }
        let (height, width) = (format.height, format.width)
        original.vector.copy(from: image)
        for line in 0..<format.channels * height {
            let (channel, row) = (line / height, line % height + down)
            let target = image[line * width..<(line + 1) * width]
            guard row >= 0 && row < height else {
                target.fill(format.paddingByte)
                continue
            }
            let source = original.vector[
                (channel * height + row) * width..<(channel * height + row + 1) * width]
            for column in 0..<width {
                let from = (isFlipped ? width - 1 - column : column) + right
                target[column] = from >= 0 && from < width ? source[from] : format.paddingByte
            }
        }
    }
}
