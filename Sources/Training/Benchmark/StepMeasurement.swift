/// What the training steps of a configuration came to.
public struct StepMeasurement: Codable, Sendable, Equatable {
    /// The widths of the hidden layers.
    public let hiddenDimensions: [Int]
    /// Whether there is batch norm, and over what.
    public let batchNorm: String
    /// Rows of a global batch.
    public let batchSize: Int
    /// What is promised about the bits.
    public let strategy: String
    /// How exact matrix products were: `highest`, `high` or `medium`.
    public let precision: String
    /// What carries the numbers between ranks: `shared`, `mpi`, or `none` on one rank.
    public let transport: String
    /// The median over the rounds of the mean time of a step in a round, in seconds; the slowest rank's.
    public let stepSeconds: Double
    /// The fastest round's.
    public let fastestStepSeconds: Double
    /// Rows per second at the median.
    public let imagesPerSecond: Double
    /// Each phase's share of the time in steps, over all ranks: `batch`, `forward`, `backward`, `waiting`, `moving`,
    /// `update`.
    public let phases: [String: Double]
    /// Calls of malloc and its kin per step, of the rank and its threads that make most; nil where this system does not
    /// let them be counted.
    public let allocationsPerStep: Double?
    /// The least time that a step could take; see ``StepWork/seconds(within:machine:)``.
    public let limitSeconds: Double
    /// `limitSeconds` as a share of `stepSeconds`.
    public let shareOfLimit: Double
    /// `stepSeconds` divided by that of allreduce; nil where that was not measured.
    public internal(set) var timeRelativeToAllreduce: Double?
    /// `stepSeconds` divided by that of plain MPI; nil where that was not measured.
    public internal(set) var timeRelativeToMPI: Double?

    enum CodingKeys: String, CodingKey {
        case hiddenDimensions = "hidden_dims"
        case batchNorm = "batch_norm"
        case batchSize = "batch_size"
        case strategy
        case precision = "matmul_precision"
        case transport
        case stepSeconds = "step_seconds"
        case fastestStepSeconds = "fastest_step_seconds"
        case imagesPerSecond = "images_per_second"
        case phases
        case allocationsPerStep = "allocations_per_step"
        case limitSeconds = "limit_seconds"
        case shareOfLimit = "share_of_limit"
        case timeRelativeToAllreduce = "time_relative_to_allreduce"
        case timeRelativeToMPI = "time_relative_to_mpi"
    }
}
