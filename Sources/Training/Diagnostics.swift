internal import Collectives
internal import DataParallel
internal import Datasets
internal import Images
internal import MLPEngine
internal import Metrics
internal import Tensors

/// What a run with `--diagnostics` finds out of its model after each epoch. Every rank has one.
///
/// Nothing of it changes the model. Norms are square roots of sums of squares, added up in Double, entry by entry in the
/// tensors' order.
final class Diagnostics {
    /// Bins of a histogram.
    private static let bins = 64

    /// What rank 0 alone does: with the parameters of its node, which are those of all.
    private let root: Root?
    private let validation: Evaluator
    private let stepsPerEpoch: Int

    /// Reads the sample and makes room. On rank 0 alone this does anything.
    ///
    /// - Parameters:
    ///   - isRoot: Whether this is rank 0.
    ///   - configuration: The run's.
    ///   - validation: The validation records.
    ///   - dataset: Where the records are.
    ///   - training: The indices of the training records.
    ///   - stepsPerEpoch: The steps of an epoch.
    ///   - team: The rank's threads.
    /// - Throws: What the data set throws, or `AllocationError`.
    init(
        isRoot: Bool, configuration: TrainingConfiguration, validation: Evaluator,
        dataset: any ImageDataset, training: [Int], stepsPerEpoch: Int, team: WorkerTeam
    ) throws {
        self.validation = validation
        self.stepsPerEpoch = stepsPerEpoch
        root =
            isRoot
            ? try Root(
                mlp: validation.mlp, seed: configuration.seed, dataset: dataset, training: training,
                team: team) : nil
    }

    /// An epoch begins, or goes on.
    func epochBegins(_ times: StepTimes) { root?.secondsBefore = times.seconds }

    /// A step is about to be taken: before an epoch's last one rank 0 copies the parameters. No rank changes them before rank 0
    /// takes part in the step.
    func stepBegins(_ progress: Progress, _ parameters: Vector<Float>) {
        guard progress.stepInEpoch + 1 == stepsPerEpoch else { return }
        root?.before.vector.copy(from: parameters)
    }

    /// A step has been taken: of an epoch's last one `progress` keeps the norms of what it has changed, for a checkpoint that
    /// may stand between it and the epoch's end.
    func stepEnded(_ progress: inout Progress, _ parameters: Vector<Float>) {
        guard let root, progress.stepInEpoch == stepsPerEpoch else { return }
        progress.updateNorms = root.layout.entries.map { entry in
            norm(
                zip(parameters[entry.range].buffer, root.before.vector[entry.range].buffer).lazy.map {
                    Double($0) - Double($1)
                })
        }
    }

    /// Looks into the model at the end of an epoch. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - model: The model after the epoch.
    ///   - progress: Not yet at the next epoch.
    ///   - times: Those of this rank's steps.
    /// - Returns: On rank 0 the record and a picture of the first layer's weights, if they make one; nil on all others.
    /// - Throws: The communicator's error, or `AllocationError`.
    func gather(
        _ model: ModelState<Float>, _ progress: Progress, _ times: StepTimes
    ) throws -> (record: EpochDiagnostics, weights: RasterImage?)? {
        let (layers, confusion) = try validation.observeLayers(
            parameters: model.parameters, runningStatistics: model.runningStatistics, bins: Self.bins)
        let gathered = try root.map { root in
            let seconds = zip(StepPhase.allCases, zip(times.seconds, root.secondsBefore)).map {
                PhaseSeconds(name: "\($0)", seconds: $1.0 - $1.1)
            }
            let record = EpochDiagnostics(
                epoch: progress.epoch + 1, step: progress.step, layers: layers,
                tensors: try tensors(model.parameters, progress, root), confusion: confusion, seconds: seconds
            )
            let first = model.mlp.network.linears[0].weightMatrix(model.parameters)
            return (record, FirstLayerPicture.make(of: first, format: root.format))
        }
        // The others have nothing to do until then.
        try validation.communicator.idleBarrier()
        return gathered
    }

    private func tensors(
        _ parameters: Vector<Float>, _ progress: Progress, _ root: Root
    ) throws -> [TensorDiagnostics] {
        let gradients = try root.gradients(parameters, step: progress.step)
        return root.layout.entries.enumerated().map { index, entry in
            let values = parameters[entry.range].buffer
            let finite = values.lazy.filter(\.isFinite)
            var histogram = Histogram(
                from: Double(finite.min() ?? .nan), to: Double(finite.max() ?? .nan), bins: Self.bins)
            histogram.add(values)
            return TensorDiagnostics(
                name: entry.name, norm: norm(values.lazy.map(Double.init)),
                gradientNorm: norm(gradients[entry.range].buffer.lazy.map(Double.init)),
                updateNorm: progress.updateNorms.count == root.layout.entries.count
                    ? progress.updateNorms[index] : .nan, histogram: histogram)
        }
    }

    /// What rank 0 has for itself.
    private final class Root {
        let layout: ParameterLayout
        let format: ImageFormat
        /// The parameters before an epoch's last step.
        let before: AlignedBuffer<Float>
        var secondsBefore = [Double](repeating: 0, count: StepPhase.allCases.count)

        private let mlp: MLP
        private let seed: UInt64
        private let normalization: PixelNormalization<Float>
        private let pixels: AlignedBuffer<UInt8>
        private let labels: AlignedBuffer<Int32>
        private let gradientBuffer: AlignedBuffer<Float>
        private let statistics: AlignedBuffer<Float>
        private let packed: AlignedBuffer<Float>
        private let workspace: Workspace<Float>
        private let products: PackedProducts<Float>

        init(
            mlp: MLP, seed: UInt64, dataset: any ImageDataset, training: [Int], team: WorkerTeam
        ) throws {
            (self.mlp, self.seed) = (mlp, seed)
            let network = mlp.network
            layout = network.parameterLayout
            format = dataset.format
            normalization = PixelNormalization(format)
            let rows = Diagnostics.sampleRows(of: training.count)
            let records = try dataset.read(
                .training, records: (0..<rows).map { training[$0 * training.count / rows] })
            pixels = try AlignedBuffer(allocating: records.pixels.count)
            _ = pixels.vector.buffer.update(fromContentsOf: records.pixels)
            labels = try AlignedBuffer(allocating: rows)
            for (row, label) in records.labels.enumerated() { labels.vector[row] = Int32(label) }
            before = try AlignedBuffer(allocating: layout.count)
            gradientBuffer = try AlignedBuffer(allocating: layout.count)
            statistics = try AlignedBuffer(allocating: network.statisticsLayout.count)
            packed = try AlignedBuffer(allocating: PackedProducts<Float>.weightCount(of: network))
            workspace = try Workspace(for: network, capacity: rows)
            products = try PackedProducts(network, batch: rows, weights: packed.vector, team: team)
        }

        /// The gradient of the mean cross-entropy of the sample, its images and labels as they are in the data set: a pass of
        /// training in one part, so that batch norm, however the run has it, takes the statistics of the whole sample, and
        /// with the dropout that the run's seed and `step` give. Products are our own, of Floats: they have the same bits on any
        /// number of threads.
        func gradients(_ parameters: Vector<Float>, step: Int) throws -> Vector<Float> {
            products.packWeights(parameters)
            let rows = labels.count
            let images = pixels.matrix(rows: rows, columns: format.imageBytes)
            let pass = Pass(
                .pixels(normalization.numbers(images)), parameters: parameters, workspace: workspace,
                products: products,
                mode: .training(
                    .init(
                        collectives: LocalBatch(gradients: gradientBuffer.vector, products: products),
                        batchStatistics: statistics.matrix(rows: 1, columns: statistics.count), seed: seed,
                        step: step)))
            let logits = try mlp.network.forward(pass)
            _ = SoftmaxCrossEntropy().evaluate(
                logits, .labels(labels.vector), factor: 1 / Float(rows), gradient: logits)
            try mlp.network.backward(logits, pass)
            return gradientBuffer.vector
        }
    }

    /// The rows of the sample: up to so many training records, at equal distances, as many data sets are in the order of their
    /// classes.
    static func sampleRows(of trainingCount: Int) -> Int { min(1024, trainingCount) }
}

/// √Σ x².
private func norm(_ values: some Sequence<Double>) -> Double {
    values.reduce(0) { $0 + $1 * $1 }.squareRoot()
}

/// A picture of a first layer's weights: those of each unit as an image, one beside the other.
enum FirstLayerPicture {
    private static let mostUnits = 64
    private static let mostPixels = 1 << 22
    /// Between the images.
    private static let gap = 1

    /// Draws the weights of the first units [N, inputs], in colour where the images have three channels, else in grey, their
    /// channels' mean. Grey stands for 0, white or full colour for the largest magnitude of the unit's weights, black for its
    /// negative: each unit has a scale of its own.
    ///
    /// - Returns: A picture with a thin frame around each unit, nil where a unit alone has too many pixels.
    static func make(of weights: Matrix<Float>, format: ImageFormat) -> RasterImage? {
        let (height, width) = (format.height, format.width)
        let (cellHeight, cellWidth) = (height + gap, width + gap)
        let units = min(mostUnits, weights.rows, mostPixels / (cellHeight * cellWidth))
        guard units > 0, weights.columns == format.imageBytes else { return nil }
        let across = (1...units).first { $0 * $0 >= units } ?? 1
        let down = (units + across - 1) / across
        let channels = format.channels == 3 ? 3 : 1
        let (totalWidth, totalHeight) = (across * cellWidth + gap, down * cellHeight + gap)
        var bytes = [UInt8](repeating: 255, count: totalWidth * totalHeight * channels)
        for unit in 0..<units {
            let row = weights[rows: unit..<unit + 1].vector.buffer
            let numbers = (0..<channels * format.planeBytes).map { index in
                channels == format.channels
                    ? row[index]
                    : (0..<format.channels).reduce(0) { $0 + row[index + $1 * format.planeBytes] }
                        / Float(format.channels)
            }
            let largest = numbers.reduce(0) { $1.isFinite ? max($0, abs($1)) : $0 }
            let corner = (y: gap + unit / across * cellHeight, x: gap + unit % across * cellWidth)
            for y in 0..<height {
                for x in 0..<width {
                    let start = ((corner.y + y) * totalWidth + corner.x + x) * channels
                    for channel in 0..<channels {
                        let number = numbers[channel * format.planeBytes + y * width + x]
                        let share = largest > 0 && number.isFinite ? number / largest : 0
                        bytes[start + channel] = UInt8((128 + 127 * share).rounded())
                    }
                }
            }
        }
        return RasterImage(width: totalWidth, height: totalHeight, channels: channels, bytes: bytes)
    }
}
