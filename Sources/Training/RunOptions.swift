/// What a run does besides its result: where it writes and how it is watched. Changing it does not change the weights.
public struct RunOptions: Sendable {
    /// Who computes losses and accuracies on validation and test records.
    public enum Evaluation: String, Codable, Sendable, CaseIterable {
        /// Rank 0 alone, on all processors of its node, while the others sleep.
        case rank0
        /// All ranks, each its share.
        case sharded
    }

    /// What carries gradients between the ranks of a node.
    public enum Reduction: String, Codable, Sendable, CaseIterable {
        /// Shared memory where it can be had, else MPI.
        case auto
        /// Shared memory within a node, MPI between nodes.
        case shared
        /// MPI's collectives alone.
        case mpi
    }

    /// What carries gradients between the ranks of a node.
    public var reduction = Reduction.auto
    /// The threads of each rank; nil for its share of its node's processors.
    public var threads: Int?
    /// The run directory; nil for `runs/` and a time stamp.
    public var output: String?
    /// How often a checkpoint is written.
    public var checkpointInterval = CheckpointInterval.epochs(1)
    /// How many of the newest checkpoints are kept besides the best; nil keeps all.
    public var keepLast: Int?
    /// zstd's level for checkpoints.
    public var compressionLevel = 1
    /// Who evaluates.
    public var evaluation = Evaluation.rank0
    /// Asked after every step: whether this rank was told to stop. All ranks stop after the step in which any was.
    public var stopRequested: @Sendable () -> Bool = { false }
    /// Called on every rank right before the first step: what asks a run to stop may be noted from now on.
    public var stepsBegin: @Sendable () -> Void = {}
    /// Called on every rank after the last step of a run that was not stopped, when the last checkpoint has been
    /// written: nothing is lost if the process ends from now on.
    public var stepsEnd: @Sendable () -> Void = {}
    /// The version of the program, for the record.
    public var programVersion: String

    /// The defaults.
    public init(programVersion: String) { self.programVersion = programVersion }
}
