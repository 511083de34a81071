internal import Plotting
internal import Training

extension Study {
    /// What large global batches cost, and which rule for the rate makes up for them.
    package static let largeBatch: Study = {
        let sizes = [512, 2048, 4096]
        let rules = ["none", "linear", "sqrt"]
        @Sendable func label(_ size: Int, _ rule: String) -> String {
            // At the reference batch all rules have the same rate: one run stands for them.
            "batch-\(size)" + (size == sizes[0] ? "" : "-\(rule)")
        }
        let runs = rules.flatMap { rule in
            sizes.filter { $0 > sizes[0] || rule == "none" }.map { size in
                StudyRun(
                    label(size, rule), series: "rate scaling: \(rule)", place: Double(size),
                    recipe: .largeBatch,
                    ["batch-size": "\(size)", "lr-scaling": rule], options: ["test": "false"])
            }
        }
        return Study(
            name: "large-batch", title: "Large batches with AdamW",
            question: """
                What does the network of minutes-2 lose at the same number of epochs when its batch grows from 512 to 2,048 \
                and 4,096, as it may for many ranks, and is the rate to follow the batch, or its square root?
                """,
            runs: runs, columns: [.bestValidation, .lastTraining, .gap],
            plots: [
                .overPlaces(
                    "batches", "Best validation accuracy by global batch",
                    x: Axis("global batch", scale: .logarithmic),
                    axis: Axis("accuracy", format: .percent), metric: .bestValidation,
                    caption: """
                        Best accuracy on the validation images after as many epochs with batches of 512, 2,048 and 4,096, with \
                        the rate unchanged, times the growth of the batch, and times its square root; all with a warm-up \
                        over a tenth of the epochs.
                        """),
                .validationAccuracy(
                    caption:
                        "Accuracy on the validation images after each epoch, mean ± deviation over the seeds."
                ),
            ],
            explanation: [
                """
                With k times the batch an epoch has a k-th of the steps. For stochastic gradient descent k small steps with the rate \
                η move about as far as one with k η, as long as the gradient hardly changes between them: the linear rule \
                (Goyal and others, 2017, with a warm-up, as at the beginning it does change).
                """,
                """
                AdamW divides each gradient by the root of a mean of its squares. Where noise makes up most of the gradient of a \
                batch of B images, that root falls as 1/√B, and the step grows by √B of itself. What the noise does to the \
                weights in the time of an epoch then stays the same if the rate grows with √B (Krizhevsky, 2014, for stochastic \
                gradient descent, from the variance of its steps; Malladi and others, 2022, for Adam, from the stochastic \
                differential equation that both approach). They let β₁, β₂ and ε follow the batch, too; here these stay.
                """,
                """
                Neither rule holds for any batch. When the batch is so large that its gradient is hardly noisy, a larger one points \
                in the same direction, and fewer steps go less far.
                """,
            ]
        ) { results in
            sizes.dropFirst().flatMap { size in
                let (plain, small) = (label(size, "none"), label(sizes[0], "none"))
                return [
                    results.compare(
                        .bestValidation, plain, with: small,
                        subject: "A batch of \(size) instead of 512 at the same rate", expecting: .lower),
                    results.compare(
                        .bestValidation, label(size, "sqrt"), with: plain,
                        subject: "The square root rule at a batch of \(size)", expecting: .higher),
                    results.compare(
                        .bestValidation, label(size, "linear"), with: label(size, "sqrt"),
                        subject: "The linear rule instead of the square root at a batch of \(size)"),
                    results.compare(
                        .bestValidation, label(size, "sqrt"), with: small,
                        subject: "A batch of \(size) with the square root rule instead of 512"),
                ]
            }
        }
    }()
}
