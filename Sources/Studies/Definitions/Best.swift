internal import Checkpoints
internal import Collectives
internal import MLPEngine
internal import Metrics
internal import Plotting
internal import Reports
internal import Training

extension Study {
    /// What each ingredient of the recipe minutes-2 adds, seen by taking it away.
    package static let best: Study = {
        let recipe = Recipe.minutes2
        // What is taken away or put in its place, and whether the recipe's choice was expected to be the better one.
        let variants: [(label: String, name: String, settings: [String: String])] = [
            ("no-whitening", "Without whitening", ["whiten": "none"]),
            ("epsilon-0.1", "Whitening with ε 0.1 instead of 1", ["whiten-epsilon": "0.1"]),
            ("no-crop-flip", "Without crop and flip", ["augment": ""]),
            ("no-crop", "Without crop", ["augment": "flip"]),
            ("no-flip", "Without flip", ["augment": "crop"]),
            ("padding-4", "Crop with padding 4 instead of 2", ["crop-padding": "4"]),
            ("mixup", "MixUp with α 0.3", ["mixup": "0.3", "mixup-shares": "pair"]),
            ("cutout", "A square of 8 pixels cut out", ["augment": "crop,flip,cutout"]),
            ("no-smoothing", "Without label smoothing", ["label-smoothing": "0"]),
            ("relu", "ReLU instead of GELU", ["activation": "relu"]),
            ("no-batch-norm", "Without batch norm", ["batch-norm": "none"]),
            (
                "layer-norm", "Layer norm instead of batch norm",
                ["batch-norm": "none", "layer-norm": "true"]
            ),
            ("no-init-window", "Without windows in the first weights", ["init-window": "none"]),
            ("init-window-4", "Windows of σ 4 instead of 1.5", ["init-window": "4"]),
            (
                "kaiming", "Kaiming's first weights, none of them 0",
                ["init": "kaiming", "zero-output": "false"]
            ),
            ("no-l1", "Without L1 regularisation", ["l1": "0", "input-l1": "0"]),
            ("no-input-l1", "Without L1 regularisation of the first layer", ["input-l1": "0"]),
            ("no-hidden-l1", "Without L1 regularisation behind the first layer", ["l1": "0"]),
            ("no-decay", "Without weight decay", ["weight-decay": "0"]),
            ("decay-on-all", "Weight decay on biases, γ and β, too", ["weight-decay-on": "all"]),
            ("high", "Products as exact as Float's", ["matmul-precision": "high"]),
            (
                "sgd", "SGD with momentum instead of AdamW",
                [
                    "optimizer": "sgd", "lr": "0.05", "momentum": "0.9", "nesterov": "true",
                    "weight-decay": "0.0005", "l1": "0",
                ]
            ),
            ("constant-rate", "A constant rate instead of a cosine", ["lr-schedule": "constant"]),
        ]
        return Study(
            name: "best", title: "What makes the best network of dense layers",
            question: """
                What does each ingredient of the recipe minutes-2 add, when it alone is taken away or replaced and all else stays?
                """,
            runs: [StudyRun(recipe.name, recipe: recipe, [:], options: ["diagnostics": "true"])]
                + variants.map { variant in
                    StudyRun(variant.label, recipe: recipe, variant.settings, options: ["test": "false"])
                },
            columns: [
                .bestValidation, validationViews, .testAccuracy, .testViewsAccuracy, .bestEpoch,
                .lastTraining, .gap,
            ],
            plots: [
                .ablation(
                    from: recipe.name, variants.map { ($0.label, $0.name) },
                    caption: """
                        How far the best accuracy on the validation images is above that of the recipe, mean ± deviation of the \
                        differences seed by seed: what lies to the left was lost by the change.
                        """),
                .validationAccuracy(
                    caption:
                        "Accuracy on the validation images after each epoch, mean ± deviation over the seeds."
                ),
                .trainingAccuracy(
                    caption: """
                        Accuracy over the batches of each epoch: with augmentation that of the changed images, with MixUp that of \
                        mixed ones by the label of the larger share.
                        """),
                .confusion(
                    of: recipe.name,
                    caption: """
                        What the recipe takes validation images of each class for after its last epoch, over all seeds: counts, \
                        with shares of the true class as shades.
                        """),
            ],
            measurement: StudyMeasurement("views of validation images", measure: viewValidation),
            explanation: [
                """
                A network of dense layers knows nothing of images: each pixel has a weight of its own to each unit. What a \
                convolution has built in, that an image shifted or mirrored shows the same, such a network has to learn from \
                images that are shifted or mirrored. Crop and flip make those of the ones that there are.
                """,
                """
                Whitening makes pixels uncorrelated: neighbours are nearly equal, and without it the first layer's gradient has large \
                components along what all pixels have in common and small ones along edges. ε keeps directions in which images \
                hardly differ, most of it noise, from being blown up.
                """,
                """
                Windows let each unit of the first layer begin with pixels that are near one another, which is where images \
                have something to tell; training may look further, and does not have to find that out from noise.
                """,
                """
                L1 regularisation takes the same from each weight in every step, and one on which gradients do not agree stays near 0. \
                So a unit keeps looking at few places of an image that belong together, and what it does not look at can tell \
                it nothing wrong. A convolution is as sparse by construction; here training decides where (Neyshabur, 2020, \
                came to networks like convolutions by such means).
                """,
                """
                The rest keeps five million weights from learning 45,000 images by heart. Label smoothing asks for \
                probabilities between classes (and MixUp for such between images, which pays in longer runs), weight decay for \
                small weights, and batch norm brings noise from the other images of a batch. What each adds depends on what else is there: two that do the same job \
                add less together than each alone, so what is seen here holds around this recipe.
                """,
                """
                Choices are made on validation images alone. Only the recipe itself is tested; a variant that were better on \
                validation would have to become the recipe before it is.
                """,
            ]
        ) { results in
            variants.map { variant in
                results.compare(
                    .bestValidation, variant.label, with: recipe.name, subject: variant.name,
                    expecting: .lower)
            }
        }
    }()

    /// The accuracy of a run's best model on validation images, by the mean over the views with which the recipe is tested.
    private static let validationViews = Metric("validation accuracy, views", .share) { result in
        result.measured.first { $0.quantity == "views" }?.value
    }

    /// Evaluates a run's best model so. Collective: every rank must call it.
    @Sendable private static func viewValidation(
        _ subject: StudyMeasurement.Subject
    ) throws -> [StudyMeasurement.Value] {
        let (communicator, configuration) = (subject.communicator, subject.configuration)
        let words = Recipe.minutes2.words()["test-views"] ?? ""
        guard configuration.validationSize > 0, let views = TestViews(rawValue: words) else { return [] }
        let point = try communicator.agree(on: "looking for the last checkpoint") {
            guard communicator.rank == 0 else { return ResumePoint?.none }
            let all = try CheckpointStore(directory: subject.directory.checkpoints).list()
            return try all.max { $0.step < $1.step }.map { try ResumePoint(path: $0.path) }
        }
        let result = try CheckpointEvaluation.run(
            point, model: .best, split: .validation, dataset: subject.dataset, communicator: communicator,
            mode: .rank0, views: views)
        return result.viewsLoss.map { [.init("views", x: Double(configuration.epochs), $0.accuracy)] } ?? []
    }
}

extension StudyPlot {
    /// By how much the best accuracy on validation images of some runs differs from that of another one.
    ///
    /// - Parameters:
    ///   - base: The run that they are compared with.
    ///   - variants: Labels and names of the others.
    ///   - caption: What is to be seen.
    fileprivate static func ablation(
        from base: String, _ variants: [(label: String, name: String)], caption: String
    ) -> StudyPlot {
        StudyPlot("ablation", caption: caption) { results in
            BarChart(
                "Best validation accuracy, compared with \(base)", categories: variants.map(\.name),
                axis: Axis("difference in accuracy", format: .percent),
                groups: [
                    BarChart.Group(
                        "change",
                        variants.map { variant in
                            results.difference(.bestValidation, variant.label, minus: base).map {
                                let (mean, deviation) = ($0.spread.mean, $0.spread.deviation)
                                return BarChart.Bar(
                                    mean, low: deviation.map { mean - $0 }, high: deviation.map { mean + $0 })
                            }
                        })
                ])
        }
    }

    /// What a run takes validation images for after its last epoch, over all seeds.
    fileprivate static func confusion(of label: String, caption: String) -> StudyPlot {
        StudyPlot("confusion", caption: caption) { results in
            let matrices = results.of(label).compactMap { $0.diagnostics.last?.confusion }
            let classes = matrices.first?.classes ?? []
            let cells = classes.indices.map { truth in
                let support = matrices.reduce(0) { $0 + $1.support(of: truth) }
                return classes.indices.map { taken in
                    let count = matrices.reduce(0) { $0 + $1.counts[truth][taken] }
                    return Heatmap.Cell(Double(count) / Double(max(1, support)), "\(count)")
                }
            }
            return Heatmap(
                "Validation images of \(label) after the last epoch", rowLabel: "true class", rows: classes,
                columnLabel: "predicted class", columns: classes, cells: cells,
                scale: Axis("share of the true class", format: .percent, range: 0...1))
        }
    }
}
