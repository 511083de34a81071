public import Checkpoints
public import Collectives
public import Datasets
internal import Foundation
public import MLPEngine
internal import Tensors
public import Training

/// What second derivatives say of a network's loss at one point: its extreme curvatures, the share of directions that bend
/// downwards, and the density of all curvatures.
///
/// All numbers but the time are the same bits on any number of ranks and threads.
public struct CurvatureMeasurement: Codable, Sendable, Hashable {
    /// What is measured, and how finely.
    public struct Options: Codable, Sendable, Hashable {
        /// The records of the sample, spread evenly over the split.
        public var records = 1024
        /// The records of a chunk, which is also what batch norm takes its statistics over.
        public var chunkRows = 128
        /// The products of each run of Lanczos. Each keeps a vector as long as the parameters.
        public var steps = 40
        /// The random vectors from which Lanczos is run.
        public var probes = 4
        /// What these follow from.
        public var seed: UInt64 = 42
        /// Eigenvalues within this share of the largest absolute one count as 0, neither positive nor negative.
        public var negligible = 1e-3
        /// The places at which the density is evaluated.
        public var densityPoints = 401
        /// Whether batch norm normalises by the running statistics, as in a test, rather than by each chunk's own.
        public var usesRunningStatistics = false

        /// The defaults.
        public init() {}
    }

    /// What was measured.
    public let options: Options
    /// The number of parameters n.
    public let parameters: Int
    /// L, in nats.
    public let loss: Double
    /// ‖∇L‖.
    public let gradientNorm: Double
    /// λ_max of the Hessian.
    public let largest: BoundedEigenvalue
    /// λ_min.
    public let smallest: BoundedEigenvalue
    /// The mean of all eigenvalues.
    public let meanEigenvalue: ProbeEstimate
    /// The share of eigenvalues below −δ.
    public let negativeShare: ProbeEstimate
    /// δ: `negligible` times the largest absolute eigenvalue.
    public let threshold: Double
    /// The density of the eigenvalues.
    public let density: SpectralDensity
    /// The Hessian-vector products that it took.
    public let products: Int

    /// Measures at some parameters. Collective: every rank must call it, with the same arguments.
    ///
    /// - Parameters:
    ///   - model: The network; its dropout is left out.
    ///   - parameters: w, in the network's layout.
    ///   - runningStatistics: Batch norm's, in the network's layout; empty without batch norm.
    ///   - dataset: Where the records are.
    ///   - split: Of which split.
    ///   - options: What is measured.
    ///   - communicator: The ranks.
    ///   - threads: This rank's threads.
    /// - Returns: The measurement, the same on every rank, and this rank's seconds.
    /// - Throws: An `AgreedFailure` where reading fails on any rank, ``EigenvalueError`` on all of them, or the communicator's
    ///   error.
    public static func run(
        _ model: MLPConfiguration, parameters: [Float], runningStatistics: [Float],
        dataset: any ImageDataset, split: DatasetSplit = .training, options: Options = Options(),
        communicator: any Communicator, threads: Int = 1
    ) throws -> (measurement: CurvatureMeasurement, seconds: Double) {
        let start = ContinuousClock.now
        let sample = ImageSample(dataset, split, count: options.records)
        let loss = try SampleLoss(
            model, recordCount: sample.count, chunkRows: options.chunkRows,
            batchNorm: options.usesRunningStatistics ? .running(runningStatistics.map(Double.init)) : .chunks,
            communicator: communicator, threads: threads, read: sample.read)
        let measurement = try CurvatureMeasurement(of: loss, at: parameters.map(Double.init), options)
        return (measurement, (ContinuousClock.now - start) / .seconds(1))
    }

    /// Measures the model of a checkpoint. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - checkpoint: On rank 0 the checkpoint; nil on all others.
    ///   - model: Which of its models.
    ///   - dataset: Where the records are; of the kind that the model was trained on.
    ///   - options: What is measured.
    ///   - communicator: The ranks.
    /// - Returns: As above.
    /// - Throws: As above, and an `AgreedFailure` where the checkpoint does not hold the model or the data set is another.
    public static func run(
        _ checkpoint: ResumePoint?, model: Checkpoint.Model = .current, dataset: any ImageDataset,
        split: DatasetSplit = .training, options: Options = Options(), communicator: any Communicator
    ) throws -> (measurement: CurvatureMeasurement, seconds: Double) {
        let stored = try CheckpointModel(
            checkpoint, model: model, dataset: dataset, communicator: communicator, note: { _ in })
        return try run(
            stored.configuration.model, parameters: stored.parameters,
            runningStatistics: stored.runningStatistics, dataset: stored.dataset, split: split,
            options: options, communicator: communicator, threads: ProcessorShare.threads(of: communicator))
    }

    /// Measures a loss at some parameters; of the options those that make up the loss are taken as settled. Collective: every
    /// rank must call it.
    ///
    /// - Throws: As ``run(_:parameters:runningStatistics:dataset:split:options:communicator:threads:)``.
    public init(of loss: SampleLoss, at parameters: [Double], _ options: Options) throws {
        let before = loss.productCount
        let (value, gradient) = try loss.gradient(at: parameters)
        let spectrum = try Spectrum(
            dimension: parameters.count, steps: options.steps, probes: options.probes, seed: options.seed
        ) { try loss.hessianProduct(at: parameters, $0) }
        self.options = options
        self.parameters = parameters.count
        self.loss = value
        gradientNorm = Vectors.norm(gradient)
        (largest, smallest) = (spectrum.largest, spectrum.smallest)
        meanEigenvalue = spectrum.mean
        threshold = options.negligible * spectrum.radius
        negativeShare = spectrum.share(below: -threshold)
        density = spectrum.density(points: options.densityPoints)
        products = loss.productCount - before
    }
}

/// Images of a data set, spread evenly over a split, as numbers; where asked for made smaller.
public struct ImageSample: Sendable {
    /// The number of images.
    public let count: Int
    /// The numbers of an image.
    public let inputs: Int

    private let dataset: any ImageDataset
    private let split: DatasetSplit
    private let pooling: Int

    /// Chooses images; reads none yet.
    ///
    /// - Parameters:
    ///   - dataset: Where they are.
    ///   - split: Of which split.
    ///   - count: How many; of a smaller split all of it.
    ///   - pooling: p: the mean of p × p neighbouring pixels becomes one; p divides height and width.
    public init(_ dataset: any ImageDataset, _ split: DatasetSplit, count: Int, pooling: Int = 1) {
        let format = dataset.format
        precondition(
            count >= 1 && pooling >= 1 && format.height % pooling == 0 && format.width % pooling == 0,
            "\(count) images of \(format.height) × \(format.width), pooled by \(pooling)")
        (self.dataset, self.split, self.pooling) = (dataset, split, pooling)
        self.count = min(count, dataset.count(of: split))
        inputs = format.imageBytes / (pooling * pooling)
    }

    /// Reads some of the images, numbered from 0: normalised as for training, and pooled.
    ///
    /// - Throws: What the data set throws.
    public func read(_ range: Range<Int>) throws -> SampleLoss.Records {
        let available = dataset.count(of: split)
        let records = try dataset.read(split, records: range.map { $0 * available / count })
        let bytes = AlignedBuffer<UInt8>(zeroed: records.pixels.count)
        _ = bytes.vector.buffer.update(fromContentsOf: records.pixels)
        let (rows, columns) = (records.count, dataset.format.imageBytes)
        let numbers = AlignedBuffer<Double>(zeroed: records.pixels.count)
        withExtendedLifetime(PixelNormalization<Double>(dataset.format)) { normalization in
            normalization.numbers(bytes.matrix(rows: rows, columns: columns))
                .copy(into: numbers.matrix(rows: rows, columns: columns))
        }
        let labels = records.labels.map(Int32.init)
        return SampleLoss.Records(
            inputs: pooling == 1 ? numbers.vector.array : pooled(numbers.vector.array), labels: labels)
    }

    private func pooled(_ images: [Double]) -> [Double] {
        let (height, width) = (dataset.format.height, dataset.format.width)
        var pooled: [Double] = []
        for plane in 0..<images.count / (height * width) {
            for top in stride(from: 0, to: height, by: pooling) {
                for left in stride(from: 0, to: width, by: pooling) {
                    var sum = 0.0
                    for row in top..<top + pooling {
                        for column in left..<left + pooling {
                            sum += images[(plane * height + row) * width + column]
                        }
                    }
                    pooled.append(sum / Double(pooling * pooling))
                }
            }
        }
        return pooled
    }
}
