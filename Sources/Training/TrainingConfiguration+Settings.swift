internal import DataParallel
internal import Datasets
internal import MLPEngine
internal import Tensors

// The table of what decides a run's result.

extension TrainingConfiguration {
    /// The largest number that is taken for a count; more is a slip of the finger.
    static let largestCount = 1 << 20

    /// All settings.
    public static let settings: [Setting<TrainingConfiguration>] = [
        Setting(
            "hidden-dims", \.hiddenDimensions, key: "hiddenDimensions",
            "Widths of the hidden layers, with commas between; \"\" for logistic regression.",
            hasOwnLine: true,
            valid: { widths, _ in
                let mostLayers = 1024
                guard widths.count <= mostLayers else {
                    return Objection("at most \(mostLayers) layers", found: "\(widths.count) layers")
                }
                return widths.first { !(1...largestCount).contains($0) }.map {
                    Objection("widths of 1 to \(largestCount)", found: "\($0)")
                }
            }),
        Setting(
            "activation", \.activation, key: "activation",
            "What follows each hidden layer: where a course's sheet has ReLU, relu; where it has ELU, the default.",
            inModel: { "\($0)" }),
        Setting(
            "elu-alpha", \.eluAlpha, "ELU's α.", needs: ("activation", ["elu"]), hasOwnLine: true,
            valid: number("a number > 0") { $0 > 0 }),
        Setting(
            "batch-norm", \.batchNorm, key: "batchNorm",
            """
            Batch norm: sync (over the global batch) or local (over each logical shard).
            """, inModel: { $0 == .none ? nil : "batch norm (\($0.word))" }),
        Setting(
            "layer-norm", \.layerNorm, key: "layerNorm", "Layer norm behind each hidden linear layer.",
            inModel: { $0 ? "layer norm" : nil },
            valid: { layerNorm, run in
                !layerNorm || run.batchNorm == .none
                    ? nil
                    : Objection(
                        "one kind of normalisation",
                        found: "--layer-norm and --batch-norm \(run.batchNorm.word)")
            }),
        Setting(
            "dropout", \.dropout, key: "dropout",
            "The probability that an output of a hidden layer is taken away in a training step.",
            inModel: { $0 > 0 ? "dropout \($0.word)" : nil },
            valid: number("a number ≥ 0 and < 1") { $0 >= 0 && $0 < 1 }),
        Setting(
            "input-dropout", \.inputDropout, key: "inputDropout",
            "The probability that a pixel is taken away in a training step; pixels then are multiplied as Floats.",
            inModel: { $0 > 0 ? "input dropout \($0.word)" : nil },
            valid: number("a number ≥ 0 and < 1") { $0 >= 0 && $0 < 1 }),
        Setting(
            "residual", \.residual, key: "residual", "A residual block behind each hidden layer.",
            inModel: { $0 ? "residual" : nil }),
        Setting(
            "residual-width", \.residualWidth, key: "residualWidth",
            "A residual block's width between its two linear layers, less than the layer's for a bottleneck.",
            unset: "the layer's width", needs: ("residual", ["true"]),
            inModel: { $0.map { "branches of width \($0)" } }, valid: within(1...largestCount)),
        Setting(
            "init", \.initialWeights, key: "initialWeights",
            """
            How weights begin: kaiming (normal, √(2/M) for M inputs, √(1/M) in the first layer) or lecun (truncated normal, \
            √(1/M)).
            """),
        Setting(
            "zero-output", \.zeroOutput, key: "zeroOutput", "The last layer's weights begin as 0."),
        Setting(
            "init-window", \.initialWindow, key: "initialWindow",
            """
            The σ, in pixels, of a Gaussian window around a random pixel through which each unit of the first hidden layer \
            begins to look.
            """,
            unset: "none",
            valid: { sigma, run in
                guard let sigma else { return nil }
                guard (0.1...4096).contains(sigma) else { return Objection("a number from 0.1 to 4096") }
                return run.hiddenDimensions.isEmpty
                    ? Objection("a hidden layer with it", found: "--hidden-dims \"\"") : nil
            }),
        Setting(
            "epochs", \.epochs, key: "epochs", "Passes over the training images.",
            // More of them are the same run, longer, unless the learning rate follows their number.
            decidesResult: { $0.schedule == .cosine || $0.cleanEpochs > 0 }, valid: within(1...largestCount)),
        Setting(
            "batch-size", \.batchSize, key: "batchSize",
            "Images of a global batch, on all ranks together.", hasOwnLine: true,
            valid: within(1...largestCount)),
        Setting(
            "lr", \.learningRate, key: "learningRate", "The base learning rate.",
            valid: number("a number > 0") { $0 > 0 }),
        Setting(
            "optimizer", \.optimizerKind, key: "optimizer",
            "The rule by which parameters follow their gradients."),
        Setting(
            "beta1", \.beta1, key: "beta1", "The decay of the mean of gradients in a step.",
            needs: ("optimizer", ["adamw", "lion"]),
            valid: number("a number ≥ 0 and < 1") { $0 >= 0 && $0 < 1 }),
        Setting(
            "beta2", \.beta2, key: "beta2",
            "The decay of the mean of squares (adamw), or of that which is kept (lion).",
            unset: "0.999 for adamw, 0.99 for lion", needs: ("optimizer", ["adamw", "lion"]),
            valid: number("a number ≥ 0 and < 1") { $0 >= 0 && $0 < 1 }),
        Setting(
            "epsilon", \.epsilon, key: "epsilon", "What keeps the root of the mean of squares away from 0.",
            needs: ("optimizer", ["adamw"]), valid: number("a number > 0") { $0 > 0 }),
        Setting(
            "momentum", \.momentum, key: "momentum", "SGD's momentum, from 0 to below 1.",
            needs: ("optimizer", ["sgd"]),
            valid: number("a number ≥ 0 and < 1") { $0 >= 0 && $0 < 1 }),
        Setting(
            "nesterov", \.nesterov, key: "nesterov", "Nesterov's momentum.",
            needs: ("optimizer", ["sgd"]),
            valid: { nesterov, run in
                !nesterov || run.momentum > 0
                    ? nil
                    : Objection("--momentum > 0 with it, as it looks ahead along it", found: "--momentum 0")
            }),
        Setting(
            "weight-decay", \.weightDecay, key: "weightDecay",
            "Weight decay: part of the gradient with sgd, decoupled from it with adamw and lion.",
            valid: number("a number ≥ 0") { $0 >= 0 }),
        Setting(
            "weight-decay-on", \.decayScope, key: "weightDecayOn",
            "What weight decay draws to 0: all parameters, or weights alone (no bias, γ or β)."),
        Setting(
            "l1", \.l1, key: "l1",
            """
            L1 regularisation. With sgd so much times the sign of each parameter is part of its gradient; with adamw each \
            weight goes towards 0 by the rate times so much, and stays there if it gets to it.
            """,
            needs: ("optimizer", ["sgd", "adamw"]), valid: number("a number ≥ 0") { $0 >= 0 }),
        Setting(
            "input-l1", \.inputL1, key: "inputL1", "The same for the first layer's weights.",
            unset: "as --l1", needs: ("optimizer", ["adamw"]), valid: number("a number ≥ 0") { $0 >= 0 }),
        Setting(
            "lr-schedule", \.schedule, key: "schedule", "The learning rate after the warm-up."),
        Setting(
            "lr-step-epochs", \.stepEpochs, "Epochs between the drops of --lr-schedule step.",
            needs: ("lr-schedule", ["step"]), valid: within(1...largestCount)),
        Setting(
            "lr-step-factor", \.stepFactor, "The factor of each drop of --lr-schedule step.",
            needs: ("lr-schedule", ["step"]), valid: number("a number > 0") { $0 > 0 }),
        Setting(
            "warmup-epochs", \.warmupEpochs, key: "warmupEpochs",
            "Epochs over which the learning rate rises to its base.",
            valid: { epochs, run in
                epochs >= 0 && epochs <= Double(run.epochs)
                    ? nil : Objection("a number from 0 to the number of epochs, \(run.epochs)")
            }),
        Setting(
            "lr-scaling", \.learningRateScaling, key: "learningRateScaling",
            """
            Whether the base learning rate is multiplied by the number of ranks (linear) or its square root (sqrt); with \
            --lr-reference-batch by the batch over that one, or the root of it.
            """,
            shown: { scaling, run in
                guard scaling != .none else { return scaling.word }
                guard let reference = run.learningRateReferenceBatch else {
                    return "\(scaling.word) (\(run.learningRateRanks ?? 1) ranks)"
                }
                let factor = (run.learningRateFactor * 1000).rounded() / 1000
                return
                    "\(scaling.word) (batch \(run.batchSize) for \(reference): the rate times \(factor.word))"
            }),
        Setting(
            "lr-reference-batch", \.learningRateReferenceBatch, key: "learningRateReferenceBatch",
            "The global batch for which --lr is meant: --lr-scaling then follows --batch-size instead of the ranks.",
            unset: "the rate follows the ranks", needs: ("lr-scaling", ["linear", "sqrt"]),
            valid: within(1...largestCount)),
        // Follows the world size where it is settled; a stored one is as foreign as a flag.
        Setting(
            "lr-scaling", \.learningRateRanks, key: "learningRateRanks", isOption: false,
            valid: within(1...largestCount, "a number of ranks from")),
        // What it stands for is in the other settings; a stored one is as foreign as a flag.
        Setting(
            "recipe", \.recipe, key: "recipe", isOption: false,
            valid: { name, _ in
                name?.wholeMatch(of: /[A-Za-z0-9.-]{1,64}/) != nil || name == nil
                    ? nil : Objection("a name of letters, digits, dots and dashes")
            }),
        // Follows the data set.
        Setting("data", \.images, key: "images", isOption: false),
        Setting("seed", \.seed, key: "seed", "What all random numbers are keyed by."),
        Setting(
            "validation-size", \.validationSize, key: "validationSize",
            "Training images set apart to choose the best model; 0 trains on all and tests the last.",
            hasOwnLine: true, valid: within(0...Int(Int32.max))),
        Setting(
            "split-seed", \.splitSeed, key: "splitSeed",
            "What the choice of the validation images is keyed by, to keep it while --seed varies.",
            unset: "--seed"),
        Setting(
            "logical-shards", \.logicalShards, key: "logicalShards",
            "Shards into which the training images are dealt, at least one per rank.",
            unset: "8, or the next power of two ≥ ranks, or from there on what divides the batch",
            hasOwnLine: true, valid: within(1...largestCount)),
        Setting(
            "shuffle", \.shuffle, key: "shuffle",
            """
            What is shuffled in each epoch: shards (each logical shard by itself) or global (all training images together; \
            every rank then reads and holds all of them).
            """),
        Setting(
            "whiten", \.whitening, key: "whitening",
            """
            Whitens the images, all of them by a map that follows from those to train on: zca. It is kept beside the data set, \
            in whitened/.
            """),
        Setting(
            "whiten-epsilon", \.whiteningEpsilon, key: "whiteningEpsilon",
            "What is added to each variance of the standardised pixels before they are whitened.",
            needs: ("whiten", ["zca"]), valid: number("a number > 0") { $0 > 0 }),
        Setting(
            "augment", \.augmentations, key: "augmentations",
            """
            Random changes to the training images, with commas between: crop (shifted), flip (mirrored), rotate and zoom \
            (about the centre), cutout (a square made empty).
            """),
        Setting(
            "crop-padding", \.augmentationExtents.padding, key: "cropPadding",
            "The most pixels by which a crop shifts an image each way.", needs: ("augment", ["crop"]),
            valid: { padding, run in
                // The default holds for the smallest images, too.
                within(1...max(4, run.shorterSide / 2))(padding, run)
            }),
        Setting(
            "rotation", \.augmentationExtents.rotation, key: "rotation",
            "The most degrees by which an image is turned either way.", needs: ("augment", ["rotate"]),
            valid: number("a number > 0, at most 180") { $0 > 0 && $0 <= 180 }),
        Setting(
            "zoom", \.augmentationExtents.zoom, key: "zoom",
            "The most by which an image's height and width each are stretched or shrunk, as a share of them.",
            needs: ("augment", ["zoom"]), valid: number("a number > 0 and < 1") { $0 > 0 && $0 < 1 }),
        Setting(
            "deform-probability", \.augmentationExtents.deformProbability, key: "deformProbability",
            "The probability that an image is turned and zoomed.", needs: ("augment", ["rotate", "zoom"]),
            valid: number("a number > 0, at most 1") { $0 > 0 && $0 <= 1 }),
        Setting(
            "cutout-size", \.augmentationExtents.cutoutSize, key: "cutoutSize",
            "Rows and columns of the square that a cutout makes empty.", needs: ("augment", ["cutout"]),
            valid: { size, run in
                run.augmentations.contains(.cutout) ? within(1...run.shorterSide)(size, run) : nil
            }),
        Setting(
            "label-smoothing", \.labelSmoothing, key: "labelSmoothing",
            "The share of each label's probability that all classes get alike.",
            valid: number("a number ≥ 0 and < 1") { $0 >= 0 && $0 < 1 }),
        Setting(
            "mixup", \.mixup, key: "mixup",
            "Mixes pairs of images of a logical shard's rows in a batch, with shares from Beta(α, α); 0 mixes none.",
            valid: number("a number from 0 to 1") { $0 >= 0 && $0 <= 1 }),
        Setting(
            "mixup-shares", \.mixupShares, key: "mixupShares",
            "What has a share of its own in mixed images: each part of a batch (a logical shard's rows) or each pair.",
            valid: { shares, run in
                shares == .part || run.mixup > 0
                    ? nil : Objection("--mixup > 0 with it", found: "--mixup 0")
            }),
        Setting(
            "clean-epochs", \.cleanEpochs, key: "cleanEpochs",
            "Last epochs in which images are cropped and flipped at most: not mixed, turned, zoomed or cut.",
            valid: { epochs, run in
                epochs >= 0 && epochs <= run.epochs
                    ? nil : Objection("a number of epochs from 0 to \(run.epochs)")
            }),
        Setting(
            "average-weights", \.averaging, key: "averageWeights",
            """
            A mean of the weights, which is validated and tested in the model's place: none, ema:DECAY (over the steps, with \
            exponential decay, as in ema:0.999) or swa:EPOCH (of the ends of the epochs from that one on).
            """,
            valid: { averaging, run in
                switch averaging {
                case .none: nil
                case .ema(let decay):
                    decay > 0 && decay < 1 ? nil : Objection("a decay above 0 and below 1")
                case .swa(let epoch):
                    epoch >= 1 && epoch <= run.epochs
                        ? nil : Objection("an epoch from 1 to the last, \(run.epochs)")
                }
            }),
        Setting(
            "strategy", \.strategy, key: "strategy",
            """
            How the ranks come to one update: factor-exchange (of what gradients are products of), allreduce (of gradients, \
            as integers) or auto (what moves less between the hosts at hand). Each gives the same bits on any number of \
            ranks.
            """, formerly: ("arithmetic", ["reproducible": "factor-exchange", "fast": "allreduce"]),
            hasOwnLine: true,
            // A run may go on with another: the results differ in the last bits, of which it is told.
            decidesResult: { _ in false }),
        Setting(
            "matmul-precision", \.matmulPrecision, key: "matmulPrecision",
            """
            How exact matrix products are: highest (Float), high (pixels times 3 bytes in integers, at least as exact), \
            medium (2 bytes, and bfloat16 in wide hidden layers) or low (one byte a number in all layers, the fastest: \
            for wide networks with dropout or augmentation).
            """,
            unset: """
                high where all CPUs have a unit for products of bytes, else highest, as with --products openblas
                """, hasOwnLine: true),
        Setting(
            "products", \.products, key: "products",
            """
            What computes matrix products: own (this program's kernels) or openblas (in Float, only with --strategy \
            allreduce; nothing is promised about its bits).
            """, hasOwnLine: true,
            valid: { products, run in
                guard products == .openBLAS else { return nil }
                guard run.strategy == .allreduce else {
                    return Objection(
                        "--strategy allreduce with openblas, whose order of sums nobody promises",
                        found: "--strategy \(run.strategy.word)")
                }
                guard let precision = run.matmulPrecision, precision != .highest else { return nil }
                return Objection(
                    "--matmul-precision highest with openblas, which multiplies in Float alone",
                    found: "--matmul-precision \(precision.word)")
            }),
    ]
}

// MARK: - Values

extension TrainingConfiguration {
    /// The lesser of an image's height and width; the most that there may be until the data set is open.
    private var shorterSide: Int { images.map { min($0.height, $0.width) } ?? 4096 }

    /// α, with ELU.
    private var eluAlpha: Double? {
        get { if case .elu(let alpha) = activation { alpha } else { nil } }
        set {
            guard case .elu = activation, let newValue else { return }
            activation = .elu(alpha: newValue)
        }
    }

    /// Epochs between the drops of the learning rate, where it drops.
    private var stepEpochs: Int? {
        get { if case .step(let epochs, _) = schedule { epochs } else { nil } }
        set {
            guard case .step(_, let factor) = schedule, let newValue else { return }
            schedule = .step(epochs: newValue, factor: factor)
        }
    }

    /// The factor of each drop of the learning rate, where it drops.
    private var stepFactor: Double? {
        get { if case .step(_, let factor) = schedule { factor } else { nil } }
        set {
            guard case .step(let epochs, _) = schedule, let newValue else { return }
            schedule = .step(epochs: epochs, factor: newValue)
        }
    }
}
