internal import Collectives
internal import DataParallel
internal import Datasets
internal import MLPEngine
internal import Tensors
internal import Whitening

extension Trainer {
    /// What is told of a run before it begins.
    func header(
        _ mlp: MLP, whitened: WhitenedDataset?, ranks: RankGroup, threads: Int, directory: RunDirectory,
        progress: Progress
    ) -> [(key: String, value: String)] {
        let training = dataset.count(of: .training) - configuration.validationSize
        let hosts = communicator.placement.hostNames
        let count = communicator.size == 1 ? "1 rank" : "\(communicator.size) ranks"
        var rows = [
            (
                "data",
                "\(dataset.name) (\(dataset.location)): \(training) to train on, \(configuration.validationSize) for"
                    + " validation, \(dataset.count(of: .test)) to test"
            ),
            ("model", "\(configuration.modelLine), \(mlp.parameterCount) parameters"),
        ]
        if let whitened {
            rows.append(("whitening", "ZCA, SHA-256 \(whitened.sha256.prefix(16))…, \(whitened.course)"))
        }
        if let line = configuration.recipeLine(with: options) { rows.append(("recipe", line)) }
        if let line = configuration.settingsLine { rows.append(("settings", line)) }
        if let line = configuration.averagingLine { rows.append(("averaging", line)) }
        rows += [
            ("ranks", "\(count) on \(hosts.joined(separator: ", ")), \(communicator.implementation)"),
            (
                "shards",
                "\(assignment.shardCount) logical shards, \(configuration.batchSize / assignment.shardCount) rows of each"
                    + " in a global batch of \(configuration.batchSize)"
            ),
            ("strategy", "\(configuration.strategy.rawValue), transport \(ranks.transport)"),
            ("products", configuration.productsLine),
            (
                "kernels",
                InstructionSet.used.name
                    + (InstructionSet.used.emulatesMultiplyAdd
                        ? " without fused multiply-adds, which are emulated: slow, the same bits" : "")
                    + ", \(threads) \(threads == 1 ? "thread" : "threads") per rank"
            ),
            ("output", directory.path),
        ]
        guard let resumePoint else { return rows }
        return rows + [("resumed", progress.origin(resumePoint.origin, epochs: configuration.epochs))]
    }
}

extension TrainingConfiguration {
    /// The model in a line, as in `3072 → 128 → 10, ELU(1), batch norm (sync)`.
    package var modelLine: String {
        let widths = [model.inputs] + hiddenDimensions + [model.classes]
        let phrases =
            hiddenDimensions.isEmpty
            ? ["logistic regression"] : Self.settings.compactMap { $0.phrase(in: self) }
        return ([widths.map(String.init).joined(separator: " → ")] + phrases).joined(separator: ", ")
    }

    /// The settings that are not the default and that no other line tells, as in `--lr 0.05, --momentum 0.9`; nil without
    /// any.
    package var settingsLine: String? {
        let told = keptOfRecipe
        let mentions = Self.settings.filter { told[$0.flag] == nil }.compactMap { $0.mention(in: self) }
        return mentions.isEmpty ? nil : mentions.joined(separator: ", ")
    }

    /// What the mean of the weights is, and what it is for; nil without one.
    package var averagingLine: String? {
        let mean: String? =
            switch averaging {
            case .none: nil
            case .ema(let decay): "the mean of the weights over the steps, with decay \(decay.word)"
            case .swa(let epoch): "the mean of the weights over the epochs, from epoch \(epoch) on"
            }
        return mean.map {
            "\($0), is what is validated, chosen as best and tested; the model itself goes on training"
        }
    }

    /// How matrix products are computed, and why not in integers where they are not.
    package var productsLine: String {
        let precision = matmulPrecision ?? .highest
        let way =
            if products == .openBLAS {
                "Float by OpenBLAS, which promises nothing about its bits"
            } else if precision == .low {
                "products of bytes in all layers that are not narrow, exact in integers"
            } else if let slices = precision.slices {
                "pixels times \(slices) bytes, exact in integers" + hiddenProducts
            } else if let obstacle = obstacleToIntegers {
                "Float, the only one for \(obstacle)"
            } else {
                "Float"
            }
        return "precision \(precision.rawValue), \(way)"
    }

    private var hiddenProducts: String {
        guard !MLP(model).network.bfloat16Linears(slices: slices).isEmpty else { return "" }
        return ", hidden layers in bfloat16, "
            + (InstructionSet.used.multipliesBFloat16
                ? "by a unit for them" : "by Float's multiply-adds: no faster, the same bits")
    }
}
