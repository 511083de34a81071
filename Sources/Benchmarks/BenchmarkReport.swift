public import Collectives
internal import OpenBLAS
internal import Tensors

/// What `dp-train benchmark` has found.
public struct BenchmarkReport: Codable, Sendable, Equatable {
    /// Where it was measured.
    public let machine: BenchmarkMachine
    /// What the machine can do.
    public let limits: MachineLimits
    /// What training steps take; nil where nobody asked.
    public let steps: [StepMeasurement]?

    /// A report.
    public init(machine: BenchmarkMachine, limits: MachineLimits, steps: [StepMeasurement]?) {
        self.machine = machine
        self.limits = limits
        self.steps = steps
    }
}

/// Where a benchmark ran.
public struct BenchmarkMachine: Codable, Sendable, Equatable {
    /// The number of ranks.
    public let ranks: Int
    /// The number of nodes.
    public let nodes: Int
    /// The processors of rank 0's node that its process may use.
    public let processors: Int
    /// The threads of each rank.
    public let threadsPerRank: Int
    /// What carries messages.
    public let communicator: String
    /// The instruction set of the matrix products.
    public let instructionSet: String
    /// OpenBLAS's kernels.
    public let blasKernel: String

    /// This machine.
    ///
    /// - Parameters:
    ///   - communicator: All ranks.
    ///   - threads: The threads of each rank.
    public init(_ communicator: any Communicator, threads: Int) {
        ranks = communicator.size
        nodes = communicator.placement.nodeCount
        processors = ProcessorAffinity.processorsOfNode
        threadsPerRank = threads
        self.communicator = communicator.implementation
        instructionSet = InstructionSet.used.name
        blasKernel = OpenBLAS.kernelName
    }

    enum CodingKeys: String, CodingKey {
        case ranks
        case nodes
        case processors
        case threadsPerRank = "threads_per_rank"
        case communicator
        case instructionSet = "instruction_set"
        case blasKernel = "blas_kernel"
    }
}

/// How training steps scale with the number of ranks.
public struct ScalingReport: Codable, Sendable, Equatable {
    /// What grows with the ranks.
    public enum Kind: String, Codable, Sendable {
        /// Nothing: the global batch stays.
        case strong
        /// The global batch: each rank keeps its rows.
        case weak
    }

    /// A configuration on some number of ranks.
    public struct Result: Codable, Sendable, Equatable {
        /// The number of ranks.
        public let ranks: Int
        /// The widths of the hidden layers.
        public let hiddenDimensions: [Int]
        /// Whether there is batch norm, and over what.
        public let batchNorm: String
        /// Rows of a global batch.
        public let batchSize: Int
        /// What is promised about the bits.
        public let strategy: String
        /// The median time of a step in seconds.
        public let stepSeconds: Double
        /// Rows per second.
        public let imagesPerSecond: Double
        /// Rows per second divided by those on the first number of ranks.
        public let speedUp: Double
        /// `speedUp` divided by the growth of the number of ranks: 1 where everything scales.
        public let efficiency: Double

        enum CodingKeys: String, CodingKey {
            case ranks
            case hiddenDimensions = "hidden_dims"
            case batchNorm = "batch_norm"
            case batchSize = "batch_size"
            case strategy
            case stepSeconds = "step_seconds"
            case imagesPerSecond = "images_per_second"
            case speedUp = "speed_up"
            case efficiency
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
    public init(_ kind: Kind, _ reports: [BenchmarkReport]) {
        self.kind = kind
        threadsPerRank = reports.first?.machine.threadsPerRank ?? 1
        let base = reports.first?.steps ?? []
        results = base.indices.flatMap { index in
            reports.compactMap { report in
                guard let steps = report.steps, steps.indices.contains(index) else { return nil }
                let (step, first) = (steps[index], base[index])
                let speedUp = step.imagesPerSecond / first.imagesPerSecond
                let growth = Double(report.machine.ranks) / Double(reports[0].machine.ranks)
                return Result(
                    ranks: report.machine.ranks, hiddenDimensions: step.hiddenDimensions,
                    batchNorm: step.batchNorm, batchSize: step.batchSize, strategy: step.strategy,
                    stepSeconds: step.stepSeconds, imagesPerSecond: step.imagesPerSecond, speedUp: speedUp,
                    efficiency: speedUp / growth)
            }
        }
    }

    enum CodingKeys: String, CodingKey {
        case kind
        case threadsPerRank = "threads_per_rank"
        case results
    }
}
