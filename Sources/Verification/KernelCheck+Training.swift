internal import Datasets
internal import MLPEngine
internal import Tensors
internal import Training

// Optimizers, random numbers, learning rates and images.

extension KernelCheck {
    private static func sgd(l1: Float, _ trial: KernelTrial) {
        for (rows, columns) in KernelTrial.shapes {
            for (momentum, nesterov, decay) in [(0, false, 0), (0.9, false, 1e-3), (0.9, true, 0)]
                as [(Float, Bool, Float)]
            {
                let (p, v) = (trial.numbers(rows, columns + 3), trial.numbers(rows, columns + 3))
                Float.sgd(
                    rows, columns, 0.1, momentum, nesterov, decay, l1: l1, trial.numbers(rows, columns).base,
                    columns, momentum == 0 ? nil : v.base, p.base, columns + 3)
                trial.add(p)
                trial.add(v)
            }
        }
    }

    private static func adamW(l1: Double, _ trial: KernelTrial) {
        for (rows, columns) in KernelTrial.shapes {
            let (p, m) = (trial.numbers(rows, columns + 3), trial.numbers(rows, columns + 3))
            let v = trial.magnitudes(rows * (columns + 3))
            Float.adamW(
                rows, columns, rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, l1: l1,
                correction1: 0.19, correction2: 0.002, trial.numbers(rows, columns).base, columns,
                m: m.base, v: v.base, p.base, columns + 3)
            trial.add(p)
            trial.add(m)
            trial.add(v)
        }
    }

    static let optimizers = [
        KernelCheck("sgd") { sgd(l1: 0, $0) },
        KernelCheck("sgd_l1") { sgd(l1: 0.02, $0) },
        KernelCheck("adamw") { adamW(l1: 0, $0) },
        KernelCheck("adamw_l1") { adamW(l1: 500, $0) },
        KernelCheck("adamw_corrections") { trial in
            for step in [1, 2, 1000, 39_000_000] {
                let (p, m, v) = (trial.numbers(5), trial.numbers(5), trial.magnitudes(5))
                OptimizerStep(
                    AdamW(), parameters: p, state: [m, v], learningRate: 1e-3, number: step
                ).apply(to: 0..<5, gradients: trial.numbers(5))
                trial.add(p)
            }
        },
        KernelCheck("lion") { trial in
            for (rows, columns) in KernelTrial.shapes {
                let (p, m) = (trial.numbers(rows, columns + 3), trial.numbers(rows, columns + 3))
                Float.lion(
                    rows, columns, rate: 3e-4, beta1: 0.9, beta2: 0.99, weightDecay: 0.01,
                    trial.numbers(rows, columns).base, columns, m: m.base, p.base, columns + 3)
                trial.add(p)
                trial.add(m)
            }
        },
    ]

    static let randomNumbers = [
        KernelCheck("random_integers") { trial in
            var stream = RandomStream(seed: 0x1_2345_6789, purpose: .testing, epoch: 3, shard: 5)
            for _ in 0..<50 { trial.add(stream.next()) }
            for bound in 1..<100 { trial.add(UInt64(stream.integer(below: bound))) }
            var order = Array(0..<100)
            stream.permute(&order)
            for place in order { trial.add(UInt64(place)) }
        },
        KernelCheck("random_normal") { trial in
            var stream = RandomStream(seed: 2, purpose: .testing)
            for _ in 0..<500 {
                let (first, second) = stream.normalPair()
                trial.add(first)
                trial.add(second)
            }
        },
        KernelCheck("random_beta") { trial in
            for alpha in [0.2, 0.4, 1] {
                var stream = RandomStream(seed: 3, purpose: .testing)
                for _ in 0..<50 { trial.add(SoftTargets.beta(alpha, &stream)) }
            }
        },
        KernelCheck("initialization") { trial in
            let mlp = MLP(
                MLPConfiguration(inputs: 67, hiddenDimensions: [13], classes: 10, batchNorm: true))
            let parameters = trial.zeros(mlp.parameterCount)
            mlp.network.parameterLayout.initialize(parameters, seed: 42)
            trial.add(parameters)
        },
        KernelCheck("initialization_window") { trial in
            let mlp = MLP(
                MLPConfiguration(
                    inputs: 2 * 5 * 7, hiddenDimensions: [13], classes: 10, initialWeights: .lecun,
                    zeroOutput: true,
                    initialWindow: GaussianWindow(sigma: 1.5, channels: 2, height: 5, width: 7)))
            let parameters = trial.zeros(mlp.parameterCount)
            mlp.network.parameterLayout.initialize(parameters, seed: 42)
            trial.add(parameters)
        },
        KernelCheck("global_shuffle") { trial in
            let split = ValidationSplit(count: 101, validationSize: 17, seed: 4)
            let shards = LogicalShards(records: split.training, count: 8, seed: 4)
            for epoch in 0..<2 { for place in shards.globalOrder(epoch: epoch) { trial.add(UInt64(place)) } }
        },
        KernelCheck("shards") { trial in
            let split = ValidationSplit(count: 101, validationSize: 17, seed: 4)
            let shards = LogicalShards(records: split.training, count: 8, seed: 4)
            let orders = (0..<8).map { shards.order(of: $0, epoch: 2) }
            for place in split.validation + shards.shards.joined() + orders.joined() {
                trial.add(UInt64(place))
            }
        },
    ]

    /// Learning rates of a run of 7 epochs of 101 steps.
    private static func schedule(_ shape: LearningRateSchedule.Shape, _ trial: KernelTrial) {
        for warmup in [0, 1.5] {
            let schedule = LearningRateSchedule(
                baseRate: 0.1, shape: shape, warmupEpochs: warmup, epochs: 7)
            for step in 0..<707 { trial.add(schedule.rate(atStep: step, stepsPerEpoch: 101)) }
        }
    }

    static let schedules = [
        KernelCheck("schedule_constant") { schedule(.constant, $0) },
        KernelCheck("schedule_step") { schedule(.step(epochs: 2, factor: 0.3), $0) },
        KernelCheck("schedule_cosine") { schedule(.cosine, $0) },
    ]

    static let images = [
        KernelCheck("pixel_normalization") { trial in
            let normalization = PixelNormalization<Float>(.cifar10)
            let pixels = trial.bytes(ImageFormat.cifar10.imageBytes)
            let numbers = trial.zeros(1, pixels.count)
            normalization.numbers(pixels.matrix(rows: 1, columns: pixels.count)).copy(into: numbers)
            trial.add(numbers)
        },
        KernelCheck("synthetic_images") { trial in
            let dataset = SyntheticDataset(seed: 5, trainingCount: 20, testCount: 10)
            for split in DatasetSplit.allCases {
                let records = try dataset.read(split, records: Array(0..<10))
                trial.add(records.pixels)
                trial.add(records.labels)
            }
        },
        KernelCheck("augmentation") { trial in
            let format = ImageFormat.cifar10
            let images = trial.bytes(9 * format.imageBytes).matrix(rows: 9, columns: format.imageBytes)
            Augmenter([.crop, .flip], format: format, seed: 6).change(images, epoch: 1, first: 130)
            trial.add(images.vector.buffer)
        },
        KernelCheck("deformation") { trial in
            for (height, width) in [(32, 32), (5, 9)] {
                let format = ImageFormat(
                    name: "", channels: 3, height: height, width: width, classNames: ["a"],
                    mean: [0, 0, 0], standardDeviation: [1, 1, 1], paddingByte: 128)
                let images = trial.bytes(9 * format.imageBytes).matrix(rows: 9, columns: format.imageBytes)
                var extents = AugmentationExtents()
                (extents.padding, extents.rotation, extents.zoom) = (2, 30, 0.2)
                (extents.deformProbability, extents.cutoutSize) = (0.8, 3)
                Augmenter(Augmentation.allCases, extents: extents, format: format, seed: 6)
                    .change(images, epoch: 1, first: 130)
                trial.add(images.vector.buffer)
            }
        },
        KernelCheck("mixup") { trial in
            let (a, b) = (trial.bytes(261), trial.bytes(261))
            for share in [0, 1, 77, 128, 255, 256] {
                a.mix(with: b, share: share)
                trial.add(a.buffer)
                trial.add(b.buffer)
            }
        },
    ]
}
