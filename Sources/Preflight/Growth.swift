internal import Collectives
package import DataParallel
internal import Foundation
internal import MLPEngine
package import Training

/// What steps should take on 1, 2, 4, … hosts, for both strategies.
///
/// Steps are tried on this machine, of the batch as one host has it and of a part; `StepForecast` says what becomes of that on more.
package struct Growth: Encodable, Sendable {
    /// A number of hosts.
    package struct Row: Encodable, Sendable {
        package let hosts: Int
        package let ranks: Int
        package let batchSize: Int
        /// What `--strategy auto` takes.
        package let auto: String
        package let strategies: [Strategy]
    }

    /// A strategy on it.
    package struct Strategy: Encodable, Sendable {
        package let strategy: String
        /// The way between hosts that takes least of those that the strategy may come to.
        package let exchange: String
        package let bytesPerStep: Int
        package let step: StepForecast
        package let secondsPerStep: Double
        package let imagesPerSecond: Double
        /// Images per second, relative to one host with the strategy that is faster there.
        package fileprivate(set) var speedUp = 1.0
    }

    /// Whether the batch grows with the hosts.
    package let isWeak: Bool
    package let link: HostLink
    package private(set) var rows: [Row]
    /// Why there is no more of them; nil where all that were asked for are there.
    package private(set) var end: String?

    /// Tries steps.
    ///
    /// - Parameters:
    ///   - configuration: What is trained, not settled; its batch is that of one host where batches grow.
    ///   - options: How.
    ///   - hosts: How many hosts at most.
    ///   - ranksPerHost: The ranks of each.
    ///   - isWeak: Whether the batch grows with the hosts.
    ///   - threads: The threads of each rank.
    ///   - trainingCount: The images that there are to train on.
    ///   - link: The network between hosts.
    ///   - seconds: About how long it tries.
    /// - Throws: `ConfigurationError` where these settings or this machine's memory do not do for one host, or what a step throws.
    package init(
        _ configuration: TrainingConfiguration, options: RunOptions, hosts: Int, ranksPerHost: Int,
        isWeak: Bool, threads: Int, trainingCount: Int, over link: HostLink,
        seconds: Double = 2
    ) throws {
        (self.isWeak, self.link) = (isWeak, link)
        let strategies = [TrainingConfiguration.Strategy.factorExchange, .allreduce]
        let counts = sequence(first: 1) { $0 < hosts ? min(2 * $0, hosts) : nil }

        func shape(_ hosts: Int, _ strategy: TrainingConfiguration.Strategy) throws(ConfigurationError)
            -> RunPlan.Shape
        {
            var settled = configuration
            if isWeak { settled.batchSize *= hosts }
            settled.strategy = strategy
            try settled.validate()
            try settled.settle(worldSize: hosts * ranksPerHost, nodes: hosts)
            guard settled.batchSize <= trainingCount else {
                throw ConfigurationError(
                    "--batch-size", found: "\(settled.batchSize)",
                    expected: "at most the \(trainingCount) images to train on")
            }
            return RunPlan.Shape(
                settled, options: options, ranks: hosts * ranksPerHost, hosts: hosts, threads: threads,
                processors: threads, trainingCount: trainingCount, testCount: 0)
        }

        let alone = try strategies.map { try shape(1, $0) }
        let mlp = MLP(configuration.model)
        let speeds = try alone.map {
            try StepTrials($0.configuration, threads: $0.threadsOfHost, hosts: hosts, seconds: seconds / 2)
                .speed
        }
        rows = []
        do throws(ConfigurationError) {
            for count in counts {
                let precision = alone[0].configuration.matmulPrecision
                var results = [Strategy]()
                for (strategy, speed) in zip(strategies, speeds) {
                    let shape = try shape(count, strategy)
                    let settled = shape.configuration
                    guard settled.matmulPrecision == precision else {
                        throw ConfigurationError(
                            "--batch-size", found: "\(settled.batchSize)",
                            expected: "one that is multiplied as precisely as on one host")
                    }
                    let (way, step) = shape.forecast(mlp, speed, over: link)
                    results.append(
                        Strategy(
                            strategy: strategy.rawValue, exchange: way.rawValue,
                            bytesPerStep: shape.traffic(way, mlp).received, step: step,
                            secondsPerStep: step.seconds,
                            imagesPerSecond: Double(settled.batchSize) / step.seconds))
                }
                let auto = try shape(count, .auto).configuration
                rows.append(
                    Row(
                        hosts: count, ranks: count * ranksPerHost, batchSize: auto.batchSize,
                        auto: auto.strategy.rawValue, strategies: results))
            }
        } catch {
            end = "on more hosts: \(error)"
        }
        let base = rows.first?.strategies.map(\.imagesPerSecond).max() ?? 1
        for row in rows.indices {
            rows[row] = rows[row].relative(to: base)
        }
    }

    /// The table, for people.
    package var lines: [String] {
        func column(_ text: String, _ width: Int) -> String {
            String(repeating: " ", count: max(1, width - text.count)) + text
        }
        func cells(_ texts: [String]) -> String {
            zip(texts, [10, 12, 10]).map { column($0, $1) }.joined()
        }
        let strategies = rows.first?.strategies ?? []
        var lines = [
            "on more hosts, each as fast as this machine, with \(RunPlan.link(link)), "
                + (isWeak ? "and a batch that grows with them:" : "and the same batch:"),
            column("", 13) + strategies.map { "  " + $0.strategy.padded(to: 30) }.joined(),
            column("hosts", 5) + column("batch", 8)
                + strategies.map { _ in cells(["ms", "images/s", "speed-up"]) }.joined() + "  auto",
        ]
        for row in rows {
            lines.append(
                column("\(row.hosts)", 5) + column("\(row.batchSize)", 8)
                    + row.strategies.map {
                        let mark = $0.exchange == HostExchange.factorsAndGradients.rawValue ? "*" : ""
                        return cells([
                            mark + String(format: "%.2f", $0.secondsPerStep * 1e3),
                            RunPlan.grouped(Int($0.imagesPerSecond)), String(format: "%.2f", $0.speedUp),
                        ])
                    }.joined() + "  " + row.auto)
        }
        if lines.contains(where: { $0.contains("*") }) {
            lines.append("* with gradients exchanged, too, of which each host forms a share")
        }
        return lines + (end.map { [$0] } ?? [])
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        self + Swift.String(repeating: " ", count: max(0, width - count))
    }
}

extension Growth.Row {
    fileprivate func relative(to imagesPerSecond: Double) -> Growth.Row {
        Growth.Row(
            hosts: hosts, ranks: ranks, batchSize: batchSize, auto: auto,
            strategies: strategies.map {
                var strategy = $0
                strategy.speedUp = $0.imagesPerSecond / imagesPerSecond
                return strategy
            })
    }
}
