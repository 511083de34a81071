internal import Checkpoints
internal import Collectives
internal import Curvature
internal import Datasets
internal import Foundation
internal import MLPEngine
internal import Plotting
internal import Training
internal import Reports

extension Study {
    /// How a loss bends along training, and what gradient descent does where it bends both ways.
    package static let curvature: Study = {
        let rates = ["0.01", "0.03", "0.1"]
        let runs = rates.map { rate in
            StudyRun(
                "rate-\(rate)", series: "rate \(rate)", ["hidden-dims": "32", "lr": rate, "epochs": "10"],
                options: ["keep-last": "100"])
        }
        func last(_ quantity: String, _ name: String, _ unit: Metric.Unit) -> Metric {
            Metric(name, unit) { result in
                result.measured.last { $0.quantity == quantity }?.value
            }
        }
        let largest = last("largest", "λ_max, last epoch", .number(decimals: 2))
        let smallest = last("smallest", "λ_min, last epoch", .number(decimals: 2))
        let negative = last("negative", "share of negative curvature, last epoch", .share)
        let sharpness = Metric("η λ_max, last epoch", .number(decimals: 3)) { result in
            guard let value = largest.value(result), let rate = Double(result.run.label.dropFirst(5)) else {
                return nil
            }
            return value * rate
        }
        func overEpochs(_ file: String, _ title: String, _ quantity: String, _ axis: Axis, caption: String)
            -> StudyPlot
        {
            .overEpochs(file, title, axis: axis, caption: caption) { result in
                result.measured.filter { $0.quantity == quantity }.map { (Int($0.x), $0.value) }
            }
        }
        return Study(
            name: "curvature", title: "Curvature, and saddle points",
            question: """
                How does the loss bend along training: what are the largest and the smallest eigenvalue of its Hessian, which share \
                of them is negative, and what does gradient descent do near a saddle?
                """,
            runs: runs, columns: [largest, smallest, sharpness, negative, .testAccuracy],
            plots: [
                overEpochs(
                    "largest-eigenvalue", "Largest eigenvalue of the Hessian", "largest",
                    Axis("λ_max", scale: .logarithmic),
                    caption: "λ_max after some epochs, by Lanczos' method, mean ± deviation over the seeds."),
                overEpochs(
                    "smallest-eigenvalue", "Smallest eigenvalue of the Hessian", "smallest", Axis("λ_min"),
                    caption: "λ_min after the same epochs: below 0 there is a direction that bends downwards."
                ),
                overEpochs(
                    "negative-share", "Share of negative curvature", "negative",
                    Axis("share", format: .percent),
                    caption: """
                        Share of eigenvalues below −10⁻³ times the largest absolute one, by stochastic Lanczos quadrature.
                        """),
                .stationaryPoints, .saddle, .coinFlips,
            ],
            measurement: StudyMeasurement("curvature", measure: measure),
            explanation: [
                """
                Along a unit eigenvector of the Hessian H with eigenvalue λ the loss is L(w + t v) = L + t ∇L · v + λ t²/2 + …: \
                λ is its curvature. On a quadratic a step of gradient descent with the rate η multiplies what lies along v by 1 − η λ, \
                so it diverges where η λ > 2. Where the loss is no quadratic, the steps themselves find a place at which η λ_max \
                stays below that, or the run diverges; noise from small batches keeps it well below.
                """,
                """
                Here the sample is of 512 training images. Products H v are the derivative of the gradient along v, as exact as \
                the gradient itself, summed over fixed chunks of records: the same bits on any number of ranks. Lanczos' \
                method finds the outermost eigenvalues from a few of them, and by Gauss's quadrature the share of negative ones, as \
                far as it can tell eigenvalues near 0 apart.
                """,
                """
                At a stationary point with n curvatures of independent random sign all are positive with probability 2⁻ⁿ. For a \
                random symmetric matrix it is rarer still, as its eigenvalues repel one another. So in many dimensions a point at which \
                the gradient vanishes is nearly always a saddle. A loss is no random matrix: where it is low, few curvatures are \
                negative, and those are small.
                """,
                """
                A saddle does not hold gradient descent, it slows it down. Near x² − y² a step with the rate η multiplies y by 1 + 2η: \
                from y = δ a distance r is left behind after ln(r/δ)/ln(1 + 2η) steps. Only from y = 0 exactly it runs into the saddle, \
                and there any noise is enough.
                """,
            ]
        ) { results in
            var sentences = rates.map { rate in
                results.place(
                    sharpness, "rate-\(rate)",
                    subject: "Rate \(rate) (above 2 a quadratic diverges)", in: 0...2)
            }
            sentences += [
                results.compare(
                    largest, "rate-0.1", with: "rate-0.01", subject: "Rate 0.1 instead of 0.01",
                    expecting: .lower),
                results.compare(
                    negative, "rate-0.1", with: "rate-0.01", subject: "Rate 0.1 instead of 0.01"),
            ]
            sentences.append(results.stationarySentence)
            let steps = [1e-2, 1e-4, 1e-8].map { offset in
                let count = PlanarSaddle.quadratic.stepsToLeave(offset: offset, .init(rate: 0.1))
                return "\(count.map(String.init) ?? "never") from y = \(offset)"
            }
            sentences.append(
                "Steps of gradient descent with the rate 0.1 until it has left the saddle of x² − y² for |y| > 0.5: "
                    + steps.joined(separator: ", ")
                    + ", \(PlanarSaddle.quadratic.stepsToLeave(offset: 0, .init(rate: 0.1), limit: 10_000) == nil ? "not in 10000" : "some") from y = 0."
            )
            let counts = CoinFlips.counted.map { flips in
                String(
                    format: "%.4f, %.4f, %.4f for n = %d", flips.minimaShare, flips.headsShare,
                    flips.naiveShare,
                    flips.dimension)
            }
            sentences.append(
                "Share of random symmetric matrices without a negative eigenvalue, of n coins all of which show heads, and 2⁻ⁿ: "
                    + counts.joined(separator: "; ") + ".")
            return sentences
        }
    }()

    /// Measures a run's checkpoints after some epochs. Collective: every rank must call it.
    @Sendable private static func measure(_ subject: StudyMeasurement.Subject) throws -> [StudyMeasurement
        .Value]
    {
        let (communicator, epochs) = (subject.communicator, subject.configuration.epochs)
        let wanted = Set([1, 3, 6, epochs].filter { $0 <= epochs })
        let points = try communicator.agree(on: "looking for checkpoints") {
            guard communicator.rank == 0 else { return [ResumePoint]() }
            return try CheckpointStore(directory: subject.directory.checkpoints).list().map {
                try ResumePoint(path: $0.path)
            }.filter { $0.position.stepInEpoch == 0 && wanted.contains($0.position.epoch) }
                .sorted { $0.position.epoch < $1.position.epoch }
        }
        var options = CurvatureMeasurement.Options()
        (options.records, options.steps, options.probes) = (512, 24, 2)
        var values: [StudyMeasurement.Value] = []
        for index in 0..<Int(try communicator.broadcast(Int64(points.count), root: 0)) {
            let point = points.indices.contains(index) ? points[index] : nil
            let epoch = Double(try communicator.broadcast(Int64(point?.position.epoch ?? 0), root: 0))
            let measured = try CurvatureMeasurement.run(
                point, dataset: subject.dataset, options: options, communicator: communicator
            ).measurement
            values += [
                .init("largest", x: epoch, measured.largest.value),
                .init("smallest", x: epoch, measured.smallest.value),
                .init("negative", x: epoch, measured.negativeShare.mean),
                .init("gradient", x: epoch, measured.gradientNorm),
            ]
        }
        return try values
            + (subject.label == searchedRun
                ? stationaryPoints(
                    of: subject.dataset, seed: subject.configuration.seed, over: communicator) : [])
    }

    /// The run whose seeds stationary points are looked for with: once for each.
    private static let searchedRun = "rate-0.1"

    /// Looks for stationary points of a small network on small images from random places, and from places that gradient
    /// descent comes to from there.
    /// Collective: every rank must call it.
    ///
    /// - Returns: Of each that was found its loss, over its share of negative curvatures.
    private static func stationaryPoints(
        of dataset: any ImageDataset, seed: UInt64, over communicator: any Communicator
    ) throws -> [StudyMeasurement.Value] {
        let format = dataset.format
        let pooling =
            (1...16).last { format.height.isMultiple(of: $0) && format.width.isMultiple(of: $0) } ?? 1
        let sample = ImageSample(dataset, .training, count: 200, pooling: pooling)
        let loss = try SampleLoss(
            MLPConfiguration(
                inputs: sample.inputs, hiddenDimensions: [3], classes: format.classCount, activation: .tanh),
            recordCount: sample.count, chunkRows: 50, weightDecay: 0.01, communicator: communicator,
            read: sample.read)
        var options = StationaryPoint.Options()
        options.gradientNorm = 1e-6
        return try (0..<12).compactMap { probe in
            let direction = Lanczos.randomVector(count: loss.parameterCount, seed: seed, probe: probe)
            var start = direction.map { $0 * 0.3 }
            // Some way down, the longer the later: what is found lies at different heights.
            for _ in 0..<40 * probe {
                start = zip(start, try loss.gradient(at: start).gradient).map { $0 - 0.5 * $1 }
            }
            let point = try StationaryPoint(near: start, of: loss, options)
            return point.gradientNorm < 1e-4 ? .init("stationary", x: point.negativeShare, point.loss) : nil
        }
    }
}

extension StudyResults {
    /// The stationary points that were found with all seeds: share of negative curvatures, and loss.
    fileprivate var stationaryPoints: [StudyMeasurement.Value] {
        results.flatMap { $0.measured.filter { $0.quantity == "stationary" } }
    }

    /// Says how many of them are saddles, and whether loss and share of negative curvatures rise together.
    fileprivate var stationarySentence: String {
        let points = stationaryPoints
        guard let shares = Spread(points.map(\.x)), let losses = Spread(points.map(\.value)) else {
            return "No stationary points were found."
        }
        let saddles = points.count { $0.x > 0 }
        let counted = "\(points.count) stationary points were found, \(saddles) of them saddles"
        guard let first = shares.deviation, let second = losses.deviation, first > 0, second > 0,
            points.count > 4
        else {
            return counted
                + ": too few, or too much alike, to tell whether loss and share of negative curvatures rise together."
        }
        let products = points.reduce(0) { $0 + ($1.x - shares.mean) * ($1.value - losses.mean) }
        let correlation = products / Double(points.count - 1) / (first * second)
        return counted
            + String(
                format: "; the correlation of loss and share of negative curvatures is %.2f", correlation)
            + (correlation > 0 ? ", as expected above 0." : ", against the expectation not above 0.")
    }
}

extension CoinFlips {
    /// Counts for small n.
    fileprivate static let counted = (1...6).compactMap {
        try? CoinFlips(dimension: $0, trials: 4000, seed: 42)
    }
}

extension StudyPlot {
    /// Loss and index of stationary points.
    fileprivate static let stationaryPoints = StudyPlot(
        "stationary-points",
        caption: """
            Stationary points of a small network (3 units, tanh, weight decay 0.01) on 200 images of a few pixels, found from \
            places along gradient descent by making the gradient's norm smaller: share of negative curvatures, and loss.
            """
    ) { results in
        LineChart(
            "Stationary points", x: Axis("share of negative curvatures", format: .percent),
            y: Axis("loss", unit: "nats"),
            series: [
                LineChart.Series(
                    "stationary points", results.stationaryPoints.map { Point($0.x, $0.value) },
                    style: SeriesStyle(color: 0, marker: 0, hasLine: false))
            ])
    }

    /// Paths of gradient descent around a saddle.
    fileprivate static let saddle = StudyPlot(
        "saddle",
        caption: """
            Gradient descent with the rate 0.1 on f = x²/2 + y⁴/4 − y²/2, from x = 1.4: exactly on the axis it ends in the saddle, \
            beside it in a minimum.
            """
    ) { _ in
        let saddle = PlanarSaddle.withMinima
        func path(_ name: String, _ y: Double, _ descent: PlanarSaddle.Descent) -> LineChart.Series {
            LineChart.Series(
                name,
                saddle.path(from: .init(x: 1.4, y: y), descent, steps: 120).map { Point($0.x, $0.y) })
        }
        return ContourChart(
            "A saddle in the plane", x: Axis("x", range: -0.5...1.6), y: Axis("y", range: -1.4...1.4),
            heightLabel: "f", levels: [-0.2, -0.1, 0, 0.1, 0.25, 0.5, 1],
            paths: [
                path("y = 0", 0, .init(rate: 0.1)), path("y = 0.001", 0.001, .init(rate: 0.1)),
                path("y = −0.1", -0.1, .init(rate: 0.1)),
                path("y = 0.001, momentum 0.9", 0.001, .init(rate: 0.1, momentum: 0.9)),
            ]
        ) { x, y in saddle.value(.init(x: x, y: y)) }
    }

    /// How rare minima are among random matrices.
    fileprivate static let coinFlips = StudyPlot(
        "coin-flips",
        caption:
            "Share of 4000 random symmetric matrices of n rows without a negative eigenvalue, beside 2⁻ⁿ."
    ) { _ in
        func series(_ name: String, _ value: (CoinFlips) -> Double) -> LineChart.Series {
            LineChart.Series(name, CoinFlips.counted.map { Point(Double($0.dimension), value($0)) })
        }
        return LineChart(
            "How rare minima are", x: Axis("n", format: .integer), y: Axis("share", scale: .logarithmic),
            series: [
                series("random matrices") { $0.minimaShare }, series("n coins, all heads") { $0.headsShare },
                series("2⁻ⁿ") { $0.naiveShare },
            ])
    }
}
