public import Tensors

/// A random change to training images, so that a network does not see the same image twice.
///
/// Changes are made on the bytes, before normalisation, and keyed by seed, epoch and the image's place in it, so they do not
/// depend on the number of ranks. What comes from outside an image is the format's padding byte.
///
/// Source of crops and flips for CIFAR-10: He, Zhang, Ren, Sun, "Deep residual learning for image recognition", CVPR 2016,
/// section 4.2; of cutout: DeVries, Taylor, "Improved regularization of convolutional neural networks with cutout", 2017.
public enum Augmentation: String, Codable, Sendable, CaseIterable {
    /// The image moved by up to ``AugmentationExtents/padding`` pixels each way.
    case crop
    /// Left and right exchanged, of one image in two.
    case flip
    /// Turned about its centre by up to ``AugmentationExtents/rotation`` degrees either way.
    case rotate
    /// Made larger or smaller about its centre, height and width each by up to ``AugmentationExtents/zoom``.
    case zoom
    /// A square of ``AugmentationExtents/cutoutSize`` pixels around a random one made empty.
    case cutout
}

/// How far random changes to images go.
public struct AugmentationExtents: Sendable, Hashable {
    /// The pixels on each side of an image of which a crop takes a part.
    public var padding = 4
    /// The most degrees by which an image is turned.
    public var rotation = 10.0
    /// The most by which an axis is stretched or shrunk, as a share of it.
    public var zoom = 0.1
    /// The probability that an image is turned and zoomed.
    public var deformProbability = 1.0
    /// Rows and columns of what is cut out.
    public var cutoutSize = 8

    /// The defaults.
    public init() {}
}

/// Changes the images of batches.
public final class Augmenter {
    private let format: ImageFormat
    private let shape: ImageShape
    private let seed: UInt64
    private let (crops, flips, rotates, zooms, cuts): (Bool, Bool, Bool, Bool, Bool)
    private let extents: AugmentationExtents
    private let firstCleanEpoch: Int
    private let original: AlignedBuffer<UInt8>
    private let room: AlignedBuffer<UInt32>

    /// Changes of these kinds.
    ///
    /// - Parameters:
    ///   - augmentations: The kinds; their order does not matter.
    ///   - extents: How far they go.
    ///   - format: What the images are.
    ///   - seed: The run's seed.
    ///   - firstCleanEpoch: The epoch, from 0, from which on images are cropped and flipped at most.
    public init(
        _ augmentations: [Augmentation], extents: AugmentationExtents = AugmentationExtents(),
        format: ImageFormat, seed: UInt64, firstCleanEpoch: Int = .max
    ) {
        self.format = format
        shape = ImageShape(channels: format.channels, height: format.height, width: format.width)
        self.seed = seed
        crops = augmentations.contains(.crop)
        flips = augmentations.contains(.flip)
        rotates = augmentations.contains(.rotate)
        zooms = augmentations.contains(.zoom)
        cuts = augmentations.contains(.cutout)
        self.extents = extents
        self.firstCleanEpoch = firstCleanEpoch
        original = AlignedBuffer(zeroed: shape.count)
        room = AlignedBuffer(zeroed: shape.mapRoom)
    }

    /// Changes the images of some rows of a batch in place.
    ///
    /// - Parameters:
    ///   - images: [S, bytes of an image], channel by channel, each row-major.
    ///   - epoch: The epoch, from 0.
    ///   - first: The place of the first row among all of the epoch; the others follow.
    public func change(_ images: Matrix<UInt8>, epoch: Int, first: Int) {
        precondition(images.columns == format.imageBytes, "images of \(images.columns) bytes")
        let isClean = epoch >= firstCleanEpoch
        let deforms = !isClean && (rotates || zooms)
        for row in 0..<images.rows {
            let image = images[rows: row..<row + 1].vector
            func stream(_ purpose: RandomStream.Purpose) -> RandomStream {
                RandomStream(seed: seed, purpose: purpose, epoch: epoch, shard: first + row)
            }
            var random = stream(.augmentation)
            // All are drawn whatever is asked for: a flip is the same one with crops and without.
            let down = random.integer(below: 2 * extents.padding + 1) - extents.padding
            let right = random.integer(below: 2 * extents.padding + 1) - extents.padding
            let isFlipped = random.integer(below: 2) == 1
            change(
                image, down: crops ? down : 0, right: crops ? right : 0,
                isFlipped: flips && isFlipped,
                deformation: deforms ? deformation(stream(.deformation)) : nil)
            guard cuts && !isClean else { continue }
            random = stream(.cutout)
            let centre = (random.integer(below: format.height), random.integer(below: format.width))
            cut(image, row: centre.0, column: centre.1)
        }
    }

    /// A rotation and scales of both axes.
    package struct Deformation {
        /// The rotation, in turns.
        package var turns: Double
        /// What a pixel down, and one to the right, is in the image before.
        package var scales: (down: Double, right: Double)

        /// A deformation.
        package init(turns: Double, scales: (down: Double, right: Double)) {
            (self.turns, self.scales) = (turns, scales)
        }
    }

    /// A random deformation, or none.
    private func deformation(_ stream: RandomStream) -> Deformation? {
        var random = stream
        guard random.uniform() < extents.deformProbability else { return nil }
        func number(upTo most: Double) -> Double { most * (2 * random.uniform() - 1) }
        let turns = number(upTo: extents.rotation / 360)
        let scales = (down: 1 + number(upTo: extents.zoom), right: 1 + number(upTo: extents.zoom))
        return Deformation(turns: rotates ? turns : 0, scales: zooms ? scales : (1, 1))
    }

    /// Turns an image into the part of it that begins so many rows further down and columns further right, then mirrors it if
    /// asked to; before, it is deformed about its centre. The three are one map, so that pixels are interpolated once.
    package func change(
        _ image: Vector<UInt8>, down: Int, right: Int, isFlipped: Bool, deformation: Deformation? = nil
    ) {
        guard down != 0 || right != 0 || isFlipped || deformation != nil else { return }
        original.vector.copy(from: image)
        guard let deformation else {
            original.vector.shift(
                into: image, shape: shape, down: down, right: right, isMirrored: isFlipped,
                padding: format.paddingByte)
            return
        }
        let centre = (down: Double(format.height - 1) / 2, right: Double(format.width - 1) / 2)
        let (cosine, sine) = PortableMath.cosineAndSine(turns: deformation.turns)
        /// Where what is so far from the centre comes from, as far from it.
        func source(down: Double, right: Double) -> AffineMap.Place {
            let (down, right) = (deformation.scales.down * down, deformation.scales.right * right)
            return .init(row: cosine * down + sine * right, column: cosine * right - sine * down)
        }
        var first = source(
            down: Double(down) - centre.down,
            right: Double((isFlipped ? format.width - 1 : 0) + right) - centre.right)
        first.row += centre.down
        first.column += centre.right
        original.vector.map(
            into: image, shape: shape,
            by: AffineMap(
                first: first, perRow: source(down: 1, right: 0),
                perColumn: source(down: 0, right: isFlipped ? -1 : 1)),
            padding: format.paddingByte, room: room.vector)
    }

    /// Empties a square around a pixel, as far as it lies in the image.
    private func cut(_ image: Vector<UInt8>, row: Int, column: Int) {
        func range(around place: Int, below side: Int) -> Range<Int> {
            let first = place - extents.cutoutSize / 2
            return max(0, first)..<min(side, first + extents.cutoutSize)
        }
        let columns = range(around: column, below: format.width)
        for channel in 0..<format.channels {
            for row in range(around: row, below: format.height) {
                let line = (channel * format.height + row) * format.width
                image[line + columns.lowerBound..<line + columns.upperBound].fill(format.paddingByte)
            }
        }
    }
}
