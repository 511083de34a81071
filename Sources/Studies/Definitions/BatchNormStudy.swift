internal import Plotting

extension Study {
    /// Networks of one, two and three hidden layers, with and without batch norm.
    package static let batchNorm: Study = {
        let networks = ["128", "256,128", "512,256,128"]
        @Sendable func name(_ network: String) -> String { network.replacing(",", with: "-") }
        func pair(_ network: String, epochs: Int, suffix: String = "") -> [StudyRun] {
            let settings = ["hidden-dims": network, "epochs": "\(epochs)"]
            return [
                StudyRun(name(network) + suffix, series: "\(network) plain", settings),
                StudyRun(
                    name(network) + suffix + "-bn", series: "\(network) batch norm",
                    settings.merging(["batch-norm": "sync"]) { first, _ in first }),
            ]
        }
        let long = networks.flatMap { pair($0, epochs: 20) }
        let short = pair("128", epochs: 10, suffix: "-10-epochs")
        return Study(
            name: "batch-norm", title: "Batch norm",
            question: """
                What does batch norm do to networks of one, two and three hidden layers in 20 epochs at the rate 0.1, and to one of \
                a single hidden layer in 10?
                """,
            runs: long + short,
            columns: [
                .bestValidation, .testAccuracy, .testLoss, .bestEpoch, .lastTraining, .lastValidation,
                .parameters,
            ],
            plots: [
                .trainingAccuracy(
                    labels: long.map(\.label),
                    caption: "Accuracy over the batches of each epoch, mean ± deviation over the seeds."),
                .validationAccuracy(
                    labels: long.map(\.label),
                    caption: "Accuracy on the validation images after each epoch, by the running statistics."),
                .trainingAccuracy(
                    "training-accuracy-10-epochs", "Training accuracy, one layer, 10 epochs",
                    labels: short.map(\.label), caption: "One hidden layer, training images."),
                .validationAccuracy(
                    "validation-accuracy-10-epochs", "Validation accuracy, one layer, 10 epochs",
                    labels: short.map(\.label), caption: "One hidden layer, validation images."),
            ],
            explanation: [
                """
                Batch norm makes of each unit's sum x the number y = γ x̂ + β with x̂ = (x − μ)/√(σ² + ε), where μ and σ² are taken \
                over the rows of the batch. The gradient passes back as ∂L/∂x = γ/√(σ² + ε) · (g − mean(g) − x̂ · mean(g ∘ x̂)) with \
                g = ∂L/∂y: what would only shift or scale all rows alike is taken out of it.
                """,
                """
                The scale of W then has no effect on y: the gradient is orthogonal to W and falls as 1/‖W‖. So every step makes ‖W‖ \
                longer, and the next step turns W by less: what counts is η/‖W‖², which finds a size of its own. That is why a \
                normalised network bears rates at which a plain one diverges (see the study `activations`). It does not make each \
                step better: at a rate that a plain network bears well, that network may fit its training images faster.
                """,
                """
                What is gained on the training images is not gained on others. A plain network with several layers learns images \
                by heart: its training accuracy runs away from that on the validation images, whose best epoch comes early. With batch norm \
                an image's x̂ depends on the images beside it, which are others in every epoch. That noise in μ and σ², like the \
                smaller steps, keeps a network from learning single images by heart. At test time the running averages of μ and \
                σ² are used, so that an image's class does not depend on the images beside it.
                """,
            ]
        ) { results in
            let parts = networks.flatMap { network in
                let (plain, norm) = (name(network), name(network) + "-bn")
                return [
                    results.compare(
                        .lastTraining, norm, with: plain, subject: "Batch norm in \(network), 20 epochs"),
                    results.compare(
                        .bestValidation, norm, with: plain, subject: "Batch norm in \(network), 20 epochs",
                        expecting: .higher),
                    results.compare(
                        .testAccuracy, norm, with: plain, subject: "Batch norm in \(network), 20 epochs",
                        expecting: .higher),
                ]
            }
            return parts + [
                results.compare(
                    .testAccuracy, "128-10-epochs-bn", with: "128-10-epochs",
                    subject: "Batch norm in 128, 10 epochs"),
                results.compare(
                    .bestEpoch, "512-256-128-bn", with: "512-256-128",
                    subject: "Batch norm in 512,256,128: when validation is best"),
            ]
        }
    }()
}
