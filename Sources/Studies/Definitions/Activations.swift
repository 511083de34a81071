internal import Metrics
internal import Plotting
internal import Reports

extension Study {
    /// Units that die, and what activations look like layer by layer.
    package static let activations: Study = {
        let recorded = ["diagnostics": "true"]
        func run(_ activation: String, _ name: String, rate: String, norm: Bool) -> StudyRun {
            var settings = ["hidden-dims": "256,128", "activation": activation, "lr": rate, "epochs": "8"]
            if norm { settings["batch-norm"] = "sync" }
            return StudyRun(
                "\(activation)-\(rate)" + (norm ? "-bn" : ""),
                series: "\(name) \(rate)" + (norm ? " batch norm" : ""), settings, options: recorded)
        }
        let rates = ["0.1", "0.2", "1.0"]
        let relus = rates.flatMap { rate in
            [false, true].map { run("relu", "ReLU", rate: rate, norm: $0) }
        }
        let others = [("elu", "ELU"), ("tanh", "Tanh")].flatMap { activation, name in
            ["0.1", "0.2"].map { run(activation, name, rate: $0, norm: false) }
        }
        let dead = Metric("dead units, last epoch", .share) { result in
            result.end.summary == nil ? nil : result.diagnostics.last?.deadUnits
        }
        func byLayer(
            _ file: String, _ title: String, _ axis: Axis, caption: String,
            _ value: @escaping @Sendable (LayerDiagnostics) -> Double?
        ) -> StudyPlot {
            StudyPlot(file, caption: caption) { results in
                LineChart(
                    title, x: Axis("hidden layer", format: .integer), y: axis,
                    series: results.runs.map { run in
                        LineChart.Series(
                            run.series,
                            of: results.spreads(run.label) { result in
                                let layers = result.diagnostics.last?.activations ?? []
                                return layers.enumerated().compactMap { index, layer in
                                    value(layer).map { (Double(index + 1), $0) }
                                }
                            })
                    })
            }
        }
        func deadOverEpochs(_ file: String, _ title: String, _ runs: [StudyRun], caption: String) -> StudyPlot
        {
            .overEpochs(
                file, title, axis: Axis("share of units", format: .percent, includesZero: true),
                labels: runs.map(\.label), caption: caption
            ) { result in
                result.diagnostics.compactMap { epoch in epoch.deadUnits.map { (epoch.epoch, $0) } }
            }
        }
        return Study(
            name: "activations", title: "Activations, and units that die",
            question: """
                How many ReLUs die at several learning rates, what does batch norm do about it, and what do the activations of ELU \
                and Tanh look like beside?
                """,
            runs: relus + others, columns: [dead, .bestValidation, .testAccuracy, .lastTraining],
            plots: [
                deadOverEpochs(
                    "dead-units", "Dead units, ReLU", relus,
                    caption: """
                        Share of the hidden units of both layers whose derivative is below 0.01 for every validation image, \
                        after each epoch.
                        """),
                deadOverEpochs(
                    "saturated-units", "The same of ELU and Tanh", others,
                    caption: """
                        The same share for ELU and Tanh: units that stand on the flat part of their curve for every image.
                        """),
                byLayer(
                    "mean-by-layer", "Mean of activations", Axis("mean"),
                    caption: "Mean over validation images and units, by hidden layer, after the last epoch."
                ) { $0.mean },
                byLayer(
                    "variance-by-layer", "Variance of activations", Axis("variance", scale: .logarithmic),
                    caption:
                        "Variance over validation images and units, by hidden layer, after the last epoch."
                ) { $0.variance },
                .validationAccuracy(caption: "Accuracy on the validation images after each epoch."),
            ],
            explanation: [
                """
                The derivative of ReLU is 1 above 0 and 0 elsewhere. A unit whose sum is below 0 for every image passes no gradient \
                to its weights, ∂L/∂w = Σ g · h'(x) · input = 0, so no step ever changes them: it is dead, unless the layers before it \
                change so much that its input does. One large step is enough: bias and weights move by rate · gradient, and a sum \
                far below 0 stays there. So the share of dead units grows with the learning rate, and falls only as far as the layers \
                before change.
                """,
                """
                Batch norm gives each unit's sum mean β and deviation γ over the batch before ReLU sees it. With β near 0 about half of \
                the images are above 0, whatever the weights are; a unit can only die by β/γ going far below 0, which small steps of \
                two numbers seldom do.
                """,
                """
                ELU's derivative below 0 is exp(x) (for α = 1): it is small far below, but never 0, so a unit can come back. Its \
                mean is closer to 0 than ReLU's, whose outputs are all positive: a mean that is not 0 makes the gradients of a next \
                layer's weights agree in sign, and steps zigzag. Tanh has mean about 0 as well, but is flat on both sides.
                """,
                """
                A rate that is larger still ends otherwise: outputs without a bound, ReLU's as ELU's, grow with the weights, their \
                gradients with them, and the loss is infinite within the first epoch. Tanh's outputs are bounded, and with batch norm \
                those of every layer are.
                """,
            ]
        ) { results in
            let norms = rates.map { rate in
                results.compare(
                    dead, "relu-\(rate)-bn", with: "relu-\(rate)",
                    subject: "Batch norm before ReLU at rate \(rate)",
                    expecting: rate == "0.2" ? .lower : .none)
            }
            let accuracies = rates.map { rate in
                results.compare(
                    .testAccuracy, "relu-\(rate)-bn", with: "relu-\(rate)",
                    subject: "Batch norm before ReLU at rate \(rate)", expecting: .higher)
            }
            return norms + [
                results.compare(
                    dead, "relu-0.2", with: "relu-0.1", subject: "ReLU at rate 0.2 instead of 0.1",
                    expecting: .higher),
                results.compare(
                    dead, "elu-0.2", with: "relu-0.2", subject: "ELU instead of ReLU at rate 0.2",
                    expecting: .lower),
                results.compare(
                    dead, "tanh-0.2", with: "relu-0.2", subject: "Tanh instead of ReLU at rate 0.2",
                    expecting: .lower),
            ] + accuracies
        }
    }()
}

extension EpochDiagnostics {
    /// The outputs of activations, from the input on.
    var activations: [LayerDiagnostics] { layers.filter { $0.deadUnits != nil } }

    /// The share of dead units of the hidden layers, each counted alike; nil without any.
    var deadUnits: Double? { Spread(activations.compactMap(\.deadUnits))?.mean }
}
