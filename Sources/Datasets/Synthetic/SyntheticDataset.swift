internal import Tensors

/// A built-in set of ten classes of drawn images, for where there is no CIFAR-10.
///
/// The classes are a disc, a ring, a square, a triangle, an upright cross, a diagonal cross, horizontal,
/// vertical and diagonal stripes, and a checkerboard, in random places, sizes, colours and polarity, over a
/// shaded background with noise. Since a figure is as often brighter than its ground as darker, the mean
/// image of a class says little: a linear classifier fails where one hidden layer succeeds.
///
/// A record is a pure function of (seed, split, index), so that each process draws just its own. Each ten
/// successive records hold each class once.
public struct SyntheticDataset: ImageDataset {
    /// The names of the classes, by label.
    public static let classNames = SyntheticFigure.allCases.map(\.name)

    /// "synthetic set".
    public var name: String { "synthetic set" }
    /// What its images are: those of CIFAR-10 as far as a network can tell.
    public var format: ImageFormat { .cifar10 }
    /// "built in, seed …".
    public var location: String { "built in, seed \(seed)" }
    /// The seed that all images follow from.
    public let seed: UInt64
    private let trainingCount: Int
    private let testCount: Int

    /// Defines a set; draws nothing yet.
    ///
    /// - Parameters:
    ///   - seed: Sets with different seeds share no image.
    ///   - trainingCount: Training records, at least 0 and below 2³².
    ///   - testCount: Test records, at least 0 and below 2³².
    public init(seed: UInt64, trainingCount: Int = 50_000, testCount: Int = 10_000) {
        let range = 0...Int(UInt32.max)
        precondition(
            range.contains(trainingCount) && range.contains(testCount), "counts are from 0 to 2³² − 1")
        self.seed = seed
        self.trainingCount = trainingCount
        self.testCount = testCount
    }

    /// The number of records of a split.
    public func count(of split: DatasetSplit) -> Int {
        switch split {
        case .training: trainingCount
        case .test: testCount
        }
    }

    /// Draws just the records asked for.
    ///
    /// - Throws: ``DatasetError`` where the indices are not ascending, distinct and in range.
    public func read(_ split: DatasetSplit, records: [Int]) throws -> ImageRecords {
        var collector = try RecordCollector(
            split, records: records, count: count(of: split), format: format, location: location)
        var canvas = SyntheticCanvas()
        var block = -1
        var labels: [Int] = []
        for (position, record) in records.enumerated() {
            if record / Self.classNames.count != block {
                block = record / Self.classNames.count
                labels = Self.labels(seed: seed, split: split, block: block)
            }
            let label = labels[record % Self.classNames.count]
            var random = RandomStream(
                seed: seed, purpose: .synthesis, epoch: Self.number(of: split), shard: record)
            let scene = SyntheticScene(label: label, random: &random)
            scene.draw(on: &canvas, random: &random)
            collector.place(at: position, label: UInt8(label), pixels: canvas.image[...])
        }
        return collector.finish()
    }

    /// The labels of the ten records from `10 * block`: a permutation of 0 to 9.
    private static func labels(seed: UInt64, split: DatasetSplit, block: Int) -> [Int] {
        var labels = Array(0..<Self.classNames.count)
        var random = RandomStream(
            seed: seed, purpose: .syntheticLabels, epoch: number(of: split), shard: block)
        random.permute(&labels)
        return labels
    }

    /// The number that stands for a split in the names of random streams.
    private static func number(of split: DatasetSplit) -> Int {
        switch split {
        case .training: 0
        case .test: 1
        }
    }
}

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
