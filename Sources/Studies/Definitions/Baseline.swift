internal import Plotting

extension Study {
    /// One hidden layer with each activation.
    package static let baseline: Study = {
        let activations = ["elu": "ELU", "relu": "ReLU", "tanh": "Tanh"]
        let widths = ["100", "128"]
        @Sendable func label(_ width: String, _ activation: String) -> String { "1x\(width)-\(activation)" }
        let order = ["elu", "relu", "tanh"]
        let runs = widths.flatMap { width in
            order.map { activation in
                StudyRun(
                    label(width, activation), series: "1×\(width) \(activations[activation] ?? "")",
                    ["hidden-dims": width, "activation": activation])
            }
        }
        return Study(
            name: "baseline", title: "One hidden layer",
            question: """
                How well does a network with one hidden layer do after ten epochs of plain stochastic gradient descent, with each \
                of three activations? 47 to 48 % of the test images are what is usual for CIFAR-10.
                """,
            runs: runs,
            columns: [.bestValidation, .testAccuracy, .testLoss, .bestEpoch],
            plots: [
                .validationAccuracy(
                    caption:
                        "Accuracy on the validation images after each epoch, mean ± deviation over the seeds."
                ),
                .trainingAccuracy(caption: "Accuracy over the batches of each epoch, each before its step."),
            ],
            explanation: [
                """
                The network is Z = h(X W₁ᵀ + 1 b₁ᵀ) W₂ᵀ + 1 b₂ᵀ with h the activation, and its loss the mean of −ln softmax(Z) at \
                the labels. Before the first step it knows nothing: the loss is about ln 10 = 2.303, and a class in ten is right.
                """,
                """
                A layer like this sees pixels without their neighbourhood: an object that is shifted by a few pixels is another \
                input altogether. Each hidden unit is a template of the whole image (the rows of W₁ look like blurred pictures), \
                and a hundred of them do not reach far. So about half of the images are classified rightly, and accuracy on the \
                validation images rises ever more slowly while that on the training images goes on: the templates begin to learn \
                images by heart.
                """,
                """
                Kaiming's initialisation keeps the variance of activations for ReLU, and roughly for ELU. Tanh is bounded, and its \
                derivative 1 − tanh² is below 1 everywhere but at 0. It comes to less than the others here, and with other programs, \
                too; a smaller rate changes little (see Studies).
                """,
            ]
        ) { results in
            let places = runs.map { run in
                results.place(.testAccuracy, run.label, subject: run.series, in: 0.47...0.48)
            }
            let widths = order.map { activation in
                results.compare(
                    .testAccuracy, label("128", activation), with: label("100", activation),
                    subject: "128 units instead of 100 with \(activations[activation] ?? "")",
                    expecting: .higher)
            }
            let others = ["relu", "tanh"].map { activation in
                results.compare(
                    .testAccuracy, label("128", activation), with: label("128", "elu"),
                    subject: "\(activations[activation] ?? "") instead of ELU with 128 units")
            }
            return places + widths + others
        }
    }()
}
