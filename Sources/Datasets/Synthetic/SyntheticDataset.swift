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
            split, records: records, count: count(of: split), location: location)
        var canvas = SyntheticCanvas()
        var block = -1
        var labels: [Int] = []
        for (position, record) in records.enumerated() {
            if record / CIFAR10.classCount != block {
                block = record / CIFAR10.classCount
                labels = Self.labels(seed: seed, split: split, block: block)
            }
            let label = labels[record % CIFAR10.classCount]
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
        var labels = Array(0..<CIFAR10.classCount)
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
