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
    /// What the figure adds to the ground, per channel; negative for a dark figure.
    private let contrast: SIMD3<Float>
    /// A spot that has nothing to do with the class: its centre, radius, and what it adds to the ground.
    private let spotCentre: SIMD2<Float>
    private let spotRadius: Float
    private let spotContrast: SIMD3<Float>

    /// Draws the numbers that define an image.
    init(label: Int, random: inout RandomStream) {
        func uniform(_ low: Float, _ high: Float) -> Float {
            low + (high - low) * (Float(random.nextUInt32() >> 8) * 0x1p-24)
        }
        func colour(_ low: Float, _ high: Float) -> SIMD3<Float> {
            let red = uniform(low, high)
            let green = uniform(low, high)
            return SIMD3(red, green, uniform(low, high))
        }
        func sign() -> Float { random.nextUInt32() & 1 == 0 ? 1 : -1 }

        figure = SyntheticFigure.allCases[label]
        let jitter: Float = figure.isPattern ? 8 : 4
        let right = uniform(-jitter, jitter)
        let down = uniform(-jitter, jitter)
        centre = SIMD2(15.5 + right, 15.5 + down)
        size = figure.isPattern ? uniform(2, 5) : uniform(7, 11.5)
        ground = colour(70, 186)
        let slopeRight = uniform(-2, 2)
        slope = SIMD2(slopeRight, uniform(-2, 2))
        let strength = sign() * uniform(30, 85)
        contrast = strength * colour(0.3, 1)
        let spotColumn = uniform(0, 31)
        spotCentre = SIMD2(spotColumn, uniform(0, 31))
        spotRadius = uniform(2, 5)
        let spotStrength = sign() * uniform(30, 90)
        spotContrast = spotStrength * colour(0.3, 1)
    }

    /// Draws the image.
    ///
    /// - Parameters:
    ///   - canvas: Room to draw in; what it held does not matter. Its `image` is the result.
    ///   - random: Where the noise comes from, one byte for each pixel and channel.
    func draw(on canvas: inout SyntheticCanvas, random: inout RandomStream) {
        figure.draw(into: &canvas.figure, centre: centre, size: size)
        SyntheticFigure.disc.draw(into: &canvas.spot, centre: spotCentre, size: spotRadius)
        for channel in 0..<3 {
            canvas.drawNoise(&random)
            canvas.compose(
                channel: channel, ground: ground[channel], slope: slope, figure: contrast[channel],
                spot: spotContrast[channel])
        }
    }
}
