internal import Tensors

/// All that is random about one image of the synthetic set, but its noise.
struct SyntheticScene {
    private let figure: SyntheticFigure
    private let centre: SIMD2<Float>
    private let size: Float
    /// The ground's colour in the middle of the image, 0 to 255.
    private let ground: SIMD3<Float>
    /// How much the ground changes per pixel to the right and downwards.
    private let slope: SIMD2<Float>
    /// What a figure adds to the ground, per channel; negative for a dark figure.
    private let contrast: SIMD3<Float>
    /// A spot that has nothing to do with the class: its centre, radius, and what it adds to the ground.
    private let spotCentre: SIMD2<Float>
    private let spotRadius: Float
    private let spotContrast: SIMD3<Float>

    /// The noise of a pixel is uniform between plus and minus this.
    private static let noise: Float = 20

    /// Draws the numbers that define an image.
    init(label: Int, random: inout RandomStream) {
        func uniform(_ low: Float, _ high: Float) -> Float {
            low + (high - low) * (Float(random.nextUInt32() >> 8) * 0x1p-24)
        }
        func sign() -> Float { random.nextUInt32() & 1 == 0 ? 1 : -1 }

        figure = SyntheticFigure(rawValue: label) ?? .disc
        let isPattern = label >= SyntheticFigure.horizontalStripes.rawValue
        let jitter: Float = isPattern ? 8 : 3
        centre = SIMD2(15.5 + uniform(-jitter, jitter), 15.5 + uniform(-jitter, jitter))
        size = isPattern ? uniform(2.5, 5) : uniform(8, 12)
        ground = SIMD3(uniform(70, 186), uniform(70, 186), uniform(70, 186))
        slope = SIMD2(uniform(-1.5, 1.5), uniform(-1.5, 1.5))
        contrast = sign() * uniform(40, 90) * SIMD3(uniform(0.4, 1), uniform(0.4, 1), uniform(0.4, 1))
        spotCentre = SIMD2(uniform(0, 31), uniform(0, 31))
        spotRadius = uniform(2, 4)
        spotContrast = sign() * uniform(30, 60) * SIMD3(uniform(0.4, 1), uniform(0.4, 1), uniform(0.4, 1))
    }

    /// Draws the image: three planes of 32 × 32 bytes.
    func draw(into image: inout [UInt8], random: inout RandomStream) {
        for row in 0..<CIFAR10.imageSide {
            let y = Float(row)
            let cover = figure.coverage(x: Self.columns - centre.x, y: y - centre.y, size: size)
            let spot = SyntheticFigure.disc.coverage(
                x: Self.columns - spotCentre.x, y: y - spotCentre.y, size: spotRadius)
            let shade = (Self.columns - 15.5) * slope.x + (y - 15.5) * slope.y
            for channel in 0..<3 {
                let clean =
                    shade + ground[channel] + cover * contrast[channel] + spot * spotContrast[channel]
                let noisy = clean + Self.noise(&random)
                let bytes = SIMD32<UInt8>(
                    truncatingIfNeeded: SIMD32<Int32>(
                        noisy.clamped(lowerBound: .zero, upperBound: Self.white)))
                let start = channel * CIFAR10.planeBytes + row * CIFAR10.imageSide
                for column in 0..<CIFAR10.imageSide { image[start + column] = bytes[column] }
            }
        }
    }

    private static let columns = SIMD32<Float>((0..<32).map(Float.init))
    private static let white = SIMD32<Float>(repeating: 255)

    /// Returns 32 numbers from −noise to noise, of one random byte each.
    private static func noise(_ random: inout RandomStream) -> SIMD32<Float> {
        var words = SIMD8<UInt32>.zero
        for word in 0..<8 { words[word] = random.nextUInt32() }
        let bytes = unsafeBitCast(words, to: SIMD32<UInt8>.self)
        return SIMD32<Float>(bytes) * (noise / 127.5) - noise
    }
}
