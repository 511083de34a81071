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
