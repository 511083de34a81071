internal import Metrics
internal import Plotting

extension Study {
    /// What keeps a network from learning its images by heart, each by itself.
    package static let regularisation: Study = {
        let base = ["hidden-dims": "512,256", "epochs": "16"]
        let kinds: [(label: String, name: String, settings: [String: String])] = [
            ("none", "none", [:]),
            ("decay", "weight decay", ["weight-decay": "0.001"]),
            ("l1", "L1", ["l1": "0.00001"]),
            ("dropout", "dropout", ["dropout": "0.2"]),
            ("smoothing", "label smoothing", ["label-smoothing": "0.1"]),
            ("flips", "flips", ["augment": "flip"]),
        ]
        return Study(
            name: "regularisation", title: "Regularisation",
            question: """
                What does each of weight decay, an L1 penalty, dropout, label smoothing and mirrored images do by itself for a \
                network that learns its training images by heart?
                """,
            runs: kinds.map { kind in
                StudyRun(kind.label, series: kind.name, base.merging(kind.settings) { _, own in own })
            },
            columns: [.bestValidation, .testAccuracy, .testLoss, .bestEpoch, .lastTraining, .gap],
            plots: [
                .validationAccuracy(
                    caption:
                        "Accuracy on the validation images after each epoch, mean ± deviation over the seeds."
                ),
                .trainingAccuracy(
                    caption: """
                        Accuracy over the batches of each epoch: with dropout that of the thinned network, with flips that of the \
                        mirrored images.
                        """),
                .overEpochs(
                    "validation-loss", "Validation loss", axis: Axis("loss", unit: "nats"),
                    caption: "Cross-entropy on the validation images: overfitting shows where it rises again."
                ) { result in
                    result.epochs.compactMap { record in record.validationLoss.map { (record.epoch, $0) } }
                },
            ],
            explanation: [
                """
                Weight decay adds λ w to the gradient, the gradient of λ/2 ‖w‖²: each step multiplies the weights by 1 − η λ. Along a \
                direction in which the loss has curvature h the minimum moves from w to w h/(h + λ): what the data hardly determine \
                (h ≪ λ) goes to 0, the rest stays. L1 adds λ sign(w): every weight is drawn towards 0 by the same amount, however small it \
                is, and those that the data do not hold stay there.
                """,
                """
                Dropout multiplies the outputs of hidden units by 0 with probability p, by 1/(1 − p) otherwise: the mean is kept, \
                and a variance p/(1 − p) x² is added, by which units are punished that only work together with certain others. \
                The training accuracy is that of the thinned network; it is lower for that reason already.
                """,
                """
                Label smoothing replaces the label's probability 1 by 1 − ε + ε/C: the logits of the best fit are finite, and \
                the network is not driven to ever larger ones. The cross-entropy on true labels is then not what is minimised, so test \
                loss and accuracy can move in different directions.
                """,
                """
                A mirrored image is as good an image of its class: flips double the training images by what is known about the \
                problem, the one thing here that adds information. With fewer repetitions of each image there is less to learn by heart.
                """,
            ]
        ) { results in
            kinds.dropFirst().flatMap { kind in
                [
                    results.compare(
                        .testAccuracy, kind.label, with: "none",
                        subject: kind.name.first.map {
                            $0.uppercased() + kind.name.dropFirst()
                        } ?? "", expecting: .higher),
                    results.compare(
                        .gap, kind.label, with: "none",
                        subject: kind.name.first.map {
                            $0.uppercased() + kind.name.dropFirst()
                        } ?? "", expecting: .lower),
                ]
            }
        }
    }()
}
