package import Collectives
internal import Datasets
internal import Foundation
public import Tensors

/// What a run does besides its result: where it writes and how it is watched. Changing it does not change the weights.
public struct RunOptions: Configurable, Sendable {
    /// What carries numbers between the ranks of a node.
    public enum Transport: String, Codable, Sendable, CaseIterable {
        /// Shared memory where it can be had, else MPI.
        case auto
        /// Shared memory within a node, MPI between nodes.
        case shared
        /// MPI's collectives alone.
        case mpi
    }

    /// Who reads which training records.
    public enum DataPlacement: String, Codable, Sendable, CaseIterable {
        /// Each rank those of its logical shards; between hosts the pixels of every batch travel.
        case rank
        /// The ranks of each host together all; no pixels travel.
        case host
    }

    /// Who computes losses and accuracies on validation and test records.
    public enum Evaluation: String, Codable, Sendable, CaseIterable {
        /// Rank 0 alone, on all processors of its node, while the others sleep.
        case rank0
        /// All ranks, each its share.
        case sharded
    }

    /// What carries numbers between the ranks of a node.
    public var transport = Transport.auto
    /// Who reads which training records.
    public var dataPlacement = DataPlacement.rank
    /// The instruction set of all kernels; nil for the best that the CPU has. None changes a bit.
    public var instructionSet: InstructionSet?
    /// The threads of each rank; nil for its share of its node's processors.
    public var threads: Int?
    /// Who evaluates.
    public var evaluation = Evaluation.rank0
    /// Whether the test images are looked at when training has come to its end.
    public var isTested = true
    /// Over which views of the test images probabilities are averaged, besides the plain test; nil for none.
    public var testViews: TestViews?
    /// After how many steps the nodes compare their models, besides every checkpoint and evaluation; nil for none.
    public var consistencySteps: Int?
    /// For how long a rank may stand still before the run is ended.
    public var stallTimeout = StallTimeout(seconds: 60)
    /// Whether the inside of the model is recorded after every epoch.
    public var diagnostics = false
    /// How often a checkpoint is written.
    public var checkpointInterval = CheckpointInterval.epochs(1)
    /// How many of the newest checkpoints are kept besides the best; nil keeps all.
    public var keepLast: Int?
    /// zstd's level for checkpoints.
    public var compressionLevel = 1

    /// The run directory; nil for `runs/` and a time stamp.
    public var output: String?
    /// Asked after every step: whether this rank was told to stop. All ranks stop after the step in which any was.
    public var stopRequested: @Sendable () -> Bool = { false }
    /// Called on every rank right before the first step: what asks a run to stop may be noted from now on.
    public var stepsBegin: @Sendable () -> Void = {}
    /// Called on every rank after the last step of a run that was not stopped, when the last checkpoint has been
    /// written: nothing is lost if the process ends from now on.
    public var stepsEnd: @Sendable () -> Void = {}
    /// Whether rank 0 writes what a run leaves behind and tells its observer more than notes. A run that is only watched
    /// touches no file.
    package var isRecorded = true
    /// Told on every rank what the run has come to.
    package var watch: @Sendable (RunEvent) -> Void = { _ in }
    /// The version of the program, for the record.
    public var programVersion: String

    /// The defaults.
    public init(programVersion: String) { self.programVersion = programVersion }

    /// Has kernels use the instruction set that was asked for, if one was.
    ///
    /// - Throws: ``ConfigurationError`` where this CPU does not have it.
    package func useInstructionSet() throws(ConfigurationError) {
        guard let instructionSet else { return }
        guard InstructionSet.available.contains(instructionSet) else {
            let available = InstructionSet.available.map(\.rawValue).joined(separator: ", ")
            throw ConfigurationError(
                "--instruction-set", found: instructionSet.rawValue,
                expected: "one that this CPU has: \(available)")
        }
        InstructionSet.used = instructionSet
    }

    /// How many nodes there are to an exchange: ranks that share no memory are nodes of their own.
    package func nodeCount(of placement: NodePlacement) -> Int {
        transport == .mpi ? placement.nodeOfRank.count : placement.nodeCount
    }

    /// The shards of other nodes' ranks that a rank reads for its node.
    func otherShards(
        _ assignment: ShardAssignment, _ strategy: TrainingConfiguration.Strategy, _ placement: NodePlacement
    ) -> [Range<Int>] {
        guard dataPlacement == .host, strategy != .allreduce else { return [] }
        // Ranks that share no memory are nodes of their own.
        let (localRank, localSize) = transport == .mpi ? (0, 1) : (placement.localRank, placement.localSize)
        let first = placement.position - localRank
        let own =
            assignment.shards(of: first).lowerBound..<assignment.shards(of: first + localSize - 1).upperBound
        return assignment.others(than: own, localRank: localRank, localSize: localSize)
    }

    /// The same, of no program.
    public static var defaults: RunOptions { RunOptions(programVersion: "") }

    /// The settings that the command line has.
    public static let settings: [Setting<RunOptions>] = [
        Setting(
            "transport", \.transport,
            """
            What carries numbers between the ranks of a node: shared (memory), mpi (its collectives), or auto: shared \
            where it can be had.
            """, formerly: ("reduction", [:])),
        Setting(
            "data-placement", \.dataPlacement,
            """
            Which training images a rank reads: rank (those of its shards; between hosts the pixels of each batch travel) or \
            host (the ranks of each host all of them together, and no pixels travel); it changes no bit.
            """),
        Setting(
            "threads", \.threads, "Threads of each rank that train.",
            unset: """
                its node's processors, or those that a CPU quota allows, divided by the ranks on it
                """, valid: within(1...4096)),
        Setting(
            "instruction-set", \.instructionSet,
            "A lesser instruction set than the CPU's best, to compare speed; it changes no bit.",
            unset: "the best that the CPU has"),
        Setting(
            "evaluation", \.evaluation,
            "Who evaluates: rank0 (on all processors of its node) or sharded (all ranks)."),
        Setting(
            "test", \.isTested,
            """
            Test the model at the end; --no-test leaves the test images alone, as long as there are choices to be made. \
            --resume tests a run that has ended without.
            """),
        Setting(
            "test-views", \.testViews,
            """
            Test with the mean of the probabilities over views of each image, too, beside the plain test: flip (the image \
            and its mirror image), shift:N (itself and shifted by N pixels up, down, left and right), or both, as in \
            flip,shift:2.
            """, unset: "none"),
        Setting(
            "check-consistency", \.consistencySteps,
            """
            Compare the models of all hosts, bit by bit, after every so many steps, besides before every checkpoint and \
            evaluation.
            """, unset: "none", valid: within(1...TrainingConfiguration.largestCount)),
        Setting(
            "stall-timeout", \.stallTimeout,
            """
            End the run, with exit code 69, when a rank does nothing for so long while others wait for it: 60s, 10min, or 0 \
            for never. A rank that is slow but moves is waited for.
            """),
        Setting(
            "diagnostics", \.diagnostics,
            """
            Record layers' outputs, norms of weights, gradients and updates, and the confusion matrix after every epoch; it \
            changes no bit.
            """),
        Setting(
            "checkpoint-every", \.checkpointInterval,
            "How often a checkpoint is written: a number of epochs, or as in 2epochs, 500steps, 10min."),
        Setting(
            "keep-last", \.keepLast, "Keep only this many of the newest checkpoints, and the best.",
            unset: "all",
            valid: { count, _ in
                count.map { $0 >= 1 } ?? true ? nil : Objection("a whole number ≥ 1")
            }),
        Setting(
            "compression-level", \.compressionLevel, "zstd's compression level of checkpoints, 1 to 19.",
            valid: within(1...19)),
    ]
}

/// How often a run writes a checkpoint.
public enum CheckpointInterval: Codable, Sendable, Hashable, CustomStringConvertible {
    /// After every so many epochs.
    case epochs(Int)
    /// After every so many steps.
    case steps(Int)
    /// After the first step that ends so many seconds after the last checkpoint.
    case seconds(Double)

    /// Reads `2`, `2epochs`, `500steps` or `10min`; nil for anything else, or for nothing and less.
    public init?(_ text: String) {
        let digits = text.prefix { $0.isNumber || $0 == "." }
        let unit = text.dropFirst(digits.count).trimmingCharacters(in: .whitespaces)
        switch unit {
        case "", "epoch", "epochs":
            guard let count = Int(digits), count >= 1 else { return nil }
            self = .epochs(count)
        case "step", "steps":
            guard let count = Int(digits), count >= 1 else { return nil }
            self = .steps(count)
        case "s", "sec", "min", "h":
            guard let number = Double(digits), number > 0 else { return nil }
            self = .seconds(number * (unit == "h" ? 3600 : unit == "min" ? 60 : 1))
        default:
            return nil
        }
    }

    /// The interval as it is read.
    public var description: String {
        switch self {
        case .epochs(let count): "\(count)epochs"
        case .steps(let count): "\(count)steps"
        case .seconds(let seconds): "\(seconds)s"
        }
    }
}

/// For how long a rank may stand still, neither computing nor reading nor writing, while others wait for it.
public struct StallTimeout: Codable, Sendable, Hashable {
    /// The seconds; nil for ever.
    public var seconds: Double?

    /// A limit.
    public init(seconds: Double?) { self.seconds = seconds }
}

extension StallTimeout: SettingValue {
    static var expectation: String { "a time, as in 60s, 10min or 1h, or 0" }

    init?(word: String) {
        if word == "0" {
            self.init(seconds: nil)
        } else if case .seconds(let seconds)? = CheckpointInterval(word) {
            self.init(seconds: seconds)
        } else {
            return nil
        }
    }

    var word: String { seconds.map { "\($0.word)s" } ?? "0" }
}

extension CheckpointInterval: SettingValue {
    static var expectation: String {
        "a number ≥ 1 of epochs or steps, or a time, as in 2epochs, 500steps, 10min"
    }
    init?(word: String) { self.init(word) }
    var word: String { if case .epochs(let count) = self { "\(count)" } else { description } }
}

extension TestViews: SettingValue {
    init?(word: String) { self.init(rawValue: word) }
    var word: String { rawValue }
}

extension InstructionSet: SettingValue {}
extension RunOptions.Transport: SettingValue {}
extension RunOptions.DataPlacement: SettingValue {}
extension RunOptions.Evaluation: SettingValue {}
