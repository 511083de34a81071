package import DataParallel
internal import Datasets
internal import MLPEngine
package import Training

/// How training steps scale with the number of ranks, or of hosts.
public struct ScalingReport: Codable, Sendable, Equatable {
    /// What grows with the ranks.
    public enum Kind: String, Codable, Sendable {
        /// Nothing: the global batch stays.
        case strong
        /// The global batch: each rank, or host, keeps its rows.
        case weak
    }

    /// A configuration on some number of ranks.
    public struct Result: Codable, Sendable, Equatable {
        /// The number of ranks.
        public let ranks: Int
        /// The number of hosts.
        public let hosts: Int
        /// The widths of the hidden layers.
        public let hiddenDimensions: [Int]
        /// Whether there is batch norm, and over what.
        public let batchNorm: String
        /// Rows of a global batch.
        public let batchSize: Int
        /// What is promised about the bits.
        public let strategy: String
        /// The median time of a step in seconds, or where that was asked for the fastest round's.
        public let stepSeconds: Double
        /// Rows per second.
        public let imagesPerSecond: Double
        /// Rows per second divided by those on the first number of ranks.
        public let speedUp: Double
        /// `speedUp` divided by the growth of the number of ranks: 1 where everything scales.
        public let efficiency: Double
        /// What `stepSeconds` should be, from those of one host; nil where nobody asked.
        public let predictedStepSeconds: Double?

        enum CodingKeys: String, CodingKey {
            case ranks, hosts
            case hiddenDimensions = "hidden_dims"
            case batchNorm = "batch_norm"
            case batchSize = "batch_size"
            case strategy
            case stepSeconds = "step_seconds"
            case imagesPerSecond = "images_per_second"
            case speedUp = "speed_up"
            case efficiency
            case predictedStepSeconds = "predicted_step_seconds"
        }
    }

    /// What grows with the ranks.
    public let kind: Kind
    /// The threads of each rank.
    public let threadsPerRank: Int
    /// The results, those of a configuration one behind the other, in the order of the reports.
    public let results: [Result]

    /// Compares reports of the same configurations on several numbers of ranks with the first.
    ///
    /// - Parameters:
    ///   - kind: What grows with the ranks.
    ///   - reports: A report for each number of ranks, with steps in the same order.
    ///   - countsFastest: Whether a step's time is that of the fastest round, rather than the median.
    ///   - forecast: What steps should take; given the number of a report and that of a step in it.
    public init(
        _ kind: Kind, _ reports: [BenchmarkReport], countsFastest: Bool = false,
        forecast: (_ report: Int, _ step: Int) -> Double? = { _, _ in nil }
    ) {
        self.kind = kind
        threadsPerRank = reports.first?.machine.threadsPerRank ?? 1
        func images(_ step: StepMeasurement) -> Double {
            Double(step.batchSize) / step.seconds(countsFastest: countsFastest)
        }
        let base = reports.first?.steps ?? []
        results = base.indices.flatMap { index in
            reports.indices.compactMap { number in
                let report = reports[number]
                guard let steps = report.steps, steps.indices.contains(index) else { return nil }
                let step = steps[index]
                let speedUp = images(step) / images(base[index])
                let growth = Double(report.machine.ranks) / Double(reports[0].machine.ranks)
                return Result(
                    ranks: report.machine.ranks, hosts: report.machine.nodes,
                    hiddenDimensions: step.hiddenDimensions, batchNorm: step.batchNorm,
                    batchSize: step.batchSize, strategy: step.strategy,
                    stepSeconds: step.seconds(countsFastest: countsFastest), imagesPerSecond: images(step),
                    speedUp: speedUp, efficiency: speedUp / growth,
                    predictedStepSeconds: forecast(number, index))
            }
        }
    }

    enum CodingKeys: String, CodingKey {
        case kind
        case threadsPerRank = "threads_per_rank"
        case results
    }
}

/// What steps on several hosts should take, from what one host took for them alone (`StepForecast`).
package struct ScalingForecast {
    private let speeds: [HostSpeed]
    private let link: HostLink
    private let ranksPerHost: Int

    /// - Parameters:
    ///   - alone: A report of one host, with the steps whose time is to be foretold.
    ///   - other: One of other batches with as many rows to a logical shard.
    ///   - countsFastest: Whether the fastest round counts, rather than the median.
    ///   - link: The network between hosts.
    package init(
        alone: BenchmarkReport, other: BenchmarkReport, countsFastest: Bool, over link: HostLink
    ) {
        let steps = zip(alone.steps ?? [], other.steps ?? [])
        speeds = steps.map {
            HostSpeed(
                $0.0.sample(countsFastest: countsFastest), $0.1.sample(countsFastest: countsFastest))
        }
        self.link = link
        ranksPerHost = alone.machine.ranks
    }

    /// The seconds of a step; nil where the reports have none of it.
    ///
    /// - Parameters:
    ///   - index: Which of the reports' steps.
    ///   - configuration: What it is on these hosts, settled.
    ///   - hosts: The number of hosts.
    ///   - slowdown: How many times as long each of them computes as the one that was alone.
    package func seconds(
        ofStep index: Int, _ configuration: TrainingConfiguration, hosts: Int, slowdown: Double = 1
    ) -> Double? {
        guard speeds.indices.contains(index), let shards = configuration.logicalShards else { return nil }
        let ranks = hosts * ranksPerHost
        let assignment = ShardAssignment(worldSize: ranks, shardCount: shards)
        let division = StepTraffic.Division(
            nodeOfRank: (0..<ranks).map { $0 / ranksPerHost },
            shardsOfRank: (0..<ranks).map { assignment.shards(of: $0).count },
            rowsPerShard: configuration.batchSize / shards)
        let network = MLP(configuration.model).network
        let ways: [HostExchange] =
            configuration.strategy == .allreduce ? [.allreduce] : [.factorExchange, .factorsAndGradients]
        return ways.map { way in
            let traffic = way.traffic(
                of: network, division, slices: configuration.slices,
                imageBytes: configuration.format.imageBytes,
                synchronizesBatchNorm: configuration.batchNorm == .sync)
            return way.forecast(traffic, division, speeds[index], over: link, slowdown: slowdown).seconds
        }.min()
    }
}

extension StepMeasurement {
    fileprivate func seconds(countsFastest: Bool) -> Double {
        countsFastest ? fastestStepSeconds : stepSeconds
    }

    fileprivate func sample(countsFastest: Bool) -> HostSpeed.Sample {
        let time = seconds(countsFastest: countsFastest)
        func part(_ phases: StepPhase...) -> Double {
            time * phases.reduce(0) { $0 + (self.phases[String(describing: $1)] ?? 0) }
        }
        return HostSpeed.Sample(
            rows: batchSize,
            work: HostWork(
                forward: part(.batch, .forward), backward: part(.backward, .waiting, .moving),
                update: part(.update)))
    }
}
