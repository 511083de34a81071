public import Checkpoints
public import Datasets
internal import Foundation
public import Images
internal import MLPEngine
internal import Tensors

/// A checkpoint's model that tells the classes of single images, on one thread.
public final class Classifier {
    /// The configuration of the model's run.
    public let configuration: TrainingConfiguration
    /// What the model's images are.
    public var format: ImageFormat { configuration.format }

    private let mlp: MLP
    private let weights: BestModel.Weights
    private let packed: AlignedBuffer<Float>
    private let products: PackedProducts<Float>
    private let workspace: Workspace<Float>
    private let normalization: PixelNormalization<Float>
    private let input: AlignedBuffer<UInt8>
    private let mover: Augmenter

    /// Takes a checkpoint's model.
    ///
    /// - Parameters:
    ///   - point: The checkpoint.
    ///   - model: Which of its models. Before the first validation the checkpoint's own is the best one.
    /// - Throws: ``ResumePoint/Failure`` or `CheckpointError` where it holds none, or `AllocationError`.
    public init(_ point: ResumePoint, model: Checkpoint.Model) throws {
        try point.checkTensors()
        guard let checkpoint = point.checkpoint else {
            throw ResumePoint.Failure(description: "\(point.origin): expected a checkpoint, found none")
        }
        configuration = point.configuration
        mlp = MLP(configuration.model)
        let network = mlp.network
        weights = try BestModel.Weights(network: network)
        try ModelTensors(network: network).restore(
            checkpoint, prefix: try point.prefix(of: model), parameters: weights.parameters.vector,
            runningStatistics: weights.runningStatistics.vector)
        packed = try AlignedBuffer(allocating: PackedProducts<Float>.weightCount(of: network))
        products = try PackedProducts(
            network, batch: 0, weights: packed.vector, team: WorkerTeam(threadCount: 1))
        products.packWeights(weights.parameters.vector)
        workspace = try Workspace(for: network, capacity: 1)
        normalization = PixelNormalization(configuration.format)
        input = try AlignedBuffer(allocating: configuration.format.imageBytes)
        mover = Augmenter([], format: configuration.format, seed: 0)
    }

    /// The probability of each class, by label.
    ///
    /// - Parameters:
    ///   - pixels: An image as data sets hold it, its channels one after another.
    ///   - views: Over which of its views the mean is taken; nil for the image as it is.
    /// - Throws: Nothing but what a layer throws; those of this project throw nothing in evaluation.
    public func probabilities(of pixels: [UInt8], views: TestViews? = nil) throws -> [Double] {
        precondition(pixels.count == input.count, "\(pixels.count) bytes for an image of \(input.count)")
        let all = views?.all ?? [.plain]
        var sums = [Double](repeating: 0, count: format.classCount)
        for view in all {
            _ = input.vector.buffer.update(fromContentsOf: pixels)
            mover.change(input.vector, down: view.down, right: view.right, isFlipped: view.isMirrored)
            for (label, share) in try probabilitiesOfInput().enumerated() { sums[label] += share }
        }
        return sums.map { $0 / Double(all.count) }
    }

    private func probabilitiesOfInput() throws -> [Double] {
        let logits = try mlp.network.forward(
            Pass(
                .pixels(normalization.numbers(input.matrix(rows: 1, columns: input.count))),
                parameters: weights.parameters.vector, workspace: workspace, products: products,
                mode: .evaluation(runningStatistics: weights.runningStatistics.vector)))
        let values = logits.vector.array.map(Double.init)
        let largest = values.max() ?? 0
        let powers = values.map { exp($0 - largest) }
        let sum = powers.reduce(0, +)
        return powers.map { $0 / sum }
    }

    /// The weights of the first layer as a picture, as a run with diagnostics records it; nil where a unit alone has too many
    /// pixels.
    public var firstLayer: RasterImage? {
        FirstLayerPicture.make(
            of: mlp.network.linears[0].weightMatrix(weights.parameters.vector), format: format)
    }

    /// The pixels of a picture as the model's data set holds them: the largest part about the middle with the proportions of its
    /// images (a square, where those are), in their size and channels.
    ///
    /// - Throws: ``ConfigurationError`` where its images are neither grey nor of red, green and blue.
    public func pixels(of picture: RasterImage) throws(ConfigurationError) -> [UInt8] {
        guard format.channels == 1 || format.channels == 3 else {
            throw ConfigurationError(
                "classify", found: "images of \(format.channels) channels (\(format.name))",
                expected: "a model of images in grey or in red, green and blue")
        }
        let fitted = picture.fitted(width: format.width, height: format.height)
        return (format.channels == 1 ? fitted.grey : fitted.colour).planes
    }
}
