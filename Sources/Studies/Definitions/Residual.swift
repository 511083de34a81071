internal import Foundation
internal import Metrics
internal import Plotting

extension Study {
    /// Deep networks, with and without residual blocks.
    package static let residual: Study = {
        // A hidden layer and its block are three linear layers: equal depths are multiples of three.
        let blocks = [1, 2, 5, 11]
        let depths = blocks.map { 3 * $0 }
        func run(_ depth: Int, residual: Bool, norm: Bool) -> StudyRun {
            let layers = residual ? depth / 3 : depth
            var settings = [
                "hidden-dims": Array(repeating: "64", count: layers).joined(separator: ","),
                "activation": "relu", "epochs": "5",
            ]
            if residual { settings["residual"] = "true" }
            // Without normalisation blocks diverge at the default rate, even one.
            settings[norm ? "batch-norm" : "lr"] = norm ? "sync" : "0.01"
            let kind = residual ? "residual" : "plain"
            return StudyRun(
                "\(kind)-\(depth)" + (norm ? "-bn" : ""), series: kind + (norm ? " batch norm" : ""),
                place: Double(depth), settings, options: ["diagnostics": "true"])
        }
        let runs = [true, false].flatMap { norm in
            [run(2, residual: false, norm: norm)]
                + depths.flatMap { depth in
                    [false, true].map { run(depth, residual: $0, norm: norm) }
                }
        }
        let ratio = Metric("log₁₀ of the gradient norms, first / last hidden layer", .number(decimals: 2)) {
            result in
            guard result.end.summary != nil, let norms = result.diagnostics.last?.hiddenGradientNorms,
                let first = norms.first, let last = norms.last, first > 0, last > 0, norms.count > 1
            else { return nil }
            return log10(first / last)
        }
        func gradients(
            _ file: String, _ depth: Int,
            epoch: @escaping @Sendable ([EpochDiagnostics]) -> EpochDiagnostics?,
            when: String
        ) -> StudyPlot {
            StudyPlot(
                file,
                caption: """
                    ‖∂L/∂W‖₂ of each hidden linear layer of the networks of depth \(depth), \(when), mean ± deviation over the \
                    seeds. A network that diverged has no line.
                    """
            ) { results in
                LineChart(
                    "Gradient norm by layer, depth \(depth)", x: Axis("linear layer", format: .integer),
                    y: Axis("‖∂L/∂W‖₂", scale: .logarithmic),
                    series: results.runs.filter { $0.place == Double(depth) }.map { run in
                        LineChart.Series(
                            run.series,
                            of: results.spreads(run.label) { result in
                                (epoch(result.diagnostics)?.hiddenGradientNorms ?? []).enumerated().map {
                                    (Double($0.offset + 1), $0.element)
                                }
                            })
                    })
            }
        }
        let deepest = depths.last ?? 0
        return Study(
            name: "residual", title: "Residual blocks, and gradients in deep networks",
            question: """
                What becomes of gradients and accuracy as a network gets deeper, from 2 to \(deepest) hidden linear layers of width \
                64, with and without residual blocks?
                """,
            runs: runs, columns: [ratio, .lastTraining, .bestValidation, .testAccuracy, .parameters],
            plots: [
                .overPlaces(
                    "training-accuracy", "Training accuracy after 5 epochs",
                    x: Axis("depth", format: .integer),
                    axis: Axis("accuracy", format: .percent), metric: .lastTraining,
                    caption:
                        "Accuracy over the batches of the last epoch. Networks that diverged are left out."),
                .overPlaces(
                    "test-accuracy", "Test accuracy", x: Axis("depth", format: .integer),
                    axis: Axis("accuracy", format: .percent), metric: .testAccuracy,
                    caption: "Accuracy on the test images. Networks that diverged are left out."),
                gradients(
                    "gradients-\(depths[2])", depths[2], epoch: { $0.last }, when: "after the last epoch"),
                gradients("gradients-\(deepest)", deepest, epoch: { $0.last }, when: "after the last epoch"),
                gradients(
                    "gradients-\(deepest)-first-epoch", deepest, epoch: { $0.first },
                    when: "after the first epoch"),
            ],
            explanation: [
                """
                Depth is counted in linear layers before the last one, which makes the logits. With `--residual` a hidden layer \
                h(X Wᵀ + b) is followed by a block Y = X + f(X), whose branch f has two linear layers: three in all. So \
                n hidden widths with blocks are compared with 3 n hidden layers without; depth 2 is there without blocks alone.
                """,
                """
                By the chain rule the gradient at layer i of a plain network is a product of all the layers' Jacobians behind it, \
                ∂L/∂Xᵢ = ∂L/∂Xₙ Jₙ ⋯ Jᵢ₊₁. If each shortens a typical vector by a factor a, what arrives is aⁿ⁻ⁱ of it: it vanishes or \
                explodes with the depth unless a is very nearly 1. Kaiming's initialisation makes a near 1 for ReLU in the mean, but \
                the directions fall together: after many layers all images look alike.
                """,
                """
                A block's Jacobian is I + ∂f/∂X. The product of such factors contains the term I: a path along which the gradient \
                arrives unchanged, whatever the branches do. Its price is on the way forward: each block adds the variance of \
                f(X) to that of X, so without normalisation it about doubles from block to block, logits grow like 2 to the power of half \
                the blocks, and so do gradients. With many blocks every step is then far too large, and even one bears only a small rate: the networks \
                without normalisation are trained with 0.01 instead of 0.1. Batch norm in the hidden \
                layers sets the variance back to 1.
                """,
            ]
        ) { results in
            let pairs = [true, false].flatMap { norm -> [String] in
                let (suffix, how) = norm ? ("-bn", "with batch norm") : ("", "without batch norm")
                return depths.flatMap { depth in
                    let (block, plain) = ("residual-\(depth)\(suffix)", "plain-\(depth)\(suffix)")
                    let subject = "Residual blocks at depth \(depth) \(how)"
                    return [
                        results.compare(
                            .lastTraining, block, with: plain, subject: subject,
                            expecting: depth > 6 ? .higher : .none),
                        results.compare(.testAccuracy, block, with: plain, subject: subject),
                    ]
                }
            }
            let deep = [true, false].map { norm in
                let suffix = norm ? "-bn" : ""
                return results.compare(
                    .testAccuracy, "plain-\(deepest)\(suffix)", with: "plain-\(depths[0])\(suffix)",
                    subject:
                        "Depth \(deepest) instead of \(depths[0]), plain\(norm ? " with batch norm" : "")",
                    expecting: .lower)
            }
            return pairs + deep
        }
    }()
}

extension EpochDiagnostics {
    /// ‖∂L/∂W‖₂ of the linear layers before the last one, from the input on.
    var hiddenGradientNorms: [Double] {
        layers.filter { $0.kind == "linear" }.dropLast().compactMap { layer in
            tensors.first { $0.name == layer.name + ".weight" }?.gradientNorm
        }
    }
}
