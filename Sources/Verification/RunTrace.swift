internal import Checkpoints
package import Collectives
internal import DataParallel
package import Datasets
internal import MLPEngine
internal import Metrics
internal import Synchronization
internal import Tensors
package import Training

/// What a run came to on one rank, moment by moment, as bits.
package struct RunTrace: Codable, Sendable, Equatable {
    /// A moment of a run.
    package struct Moment: Codable, Sendable, Equatable {
        /// Which one, such as `step 3`.
        package var name: String
        /// What there was, in the order in which a run comes to it.
        package var quantities: [String]
        /// The bits of each: all of a loss, a short digest of a tensor.
        package var bits: [String]

        /// A line of the table.
        var line: String { ([name + ":"] + bits).joined(separator: " ") }
    }

    /// The moments in their order.
    package var moments: [Moment]
    /// The SHA-256 of the model's tensors after the last step, as a run's summary has it: on rank 0 alone, and empty where
    /// the run did not come to its end.
    package var sha256: String
    /// What ended the run before its end; nil for nothing.
    package var failure: String?
}

extension ReferenceRun {
    /// The images of all runs; `dp-train data synthesize` writes them with these counts and this seed.
    package static let dataset = SyntheticDataset(seed: 1, trainingCount: 212, testCount: 20)

    /// Flags of all runs: two epochs of three steps, and shards for up to 32 ranks.
    package static let commonFlags =
        "--epochs 2 --batch-size 64 --logical-shards 32 --validation-size 20"

    /// The most ranks that can take part.
    package static let mostRanks = 32

    /// What is to be trained, as `dp-train train` makes it of the flags.
    ///
    /// - Throws: `ConfigurationError`.
    package func configuration(worldSize: Int) throws(ConfigurationError) -> TrainingConfiguration {
        var configuration = TrainingConfiguration()
        try configuration.apply(Self.words(Self.commonFlags + " " + flags))
        try configuration.validate()
        configuration.images = Self.dataset.format
        try configuration.settle(worldSize: worldSize)
        try configuration.validate(against: Self.dataset)
        return configuration
    }

    /// Values by flag, without its dashes, from a command line without blanks in values; `""` is an empty one.
    private static func words(_ flags: String) throws(ConfigurationError) -> [String: String] {
        var words: [String: String] = [:]
        var rest = flags.split(separator: " ").map(String.init)[...]
        while let word = rest.popFirst() {
            let name = String(word.dropFirst(2))
            guard word.hasPrefix("--"), let setting = TrainingConfiguration.setting(name) else {
                throw ConfigurationError(word, found: "no setting of that name", expected: "a run's setting")
            }
            guard !setting.isSwitch else {
                words[name] = "true"
                continue
            }
            let value = rest.popFirst() ?? ""
            words[name] = value == "\"\"" ? "" : value
        }
        return words
    }

    /// Trains, validates and tests, and writes nothing. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - communicator: The ranks.
    ///   - options: How to compute; what they watch with sees each moment first.
    ///   - note: Told on rank 0 what people should know.
    /// - Returns: What this rank saw.
    /// - Throws: The communicator's error, or what is no difference of bits.
    package func trace(
        over communicator: any Communicator, options: RunOptions, note: @escaping (String) -> Void
    ) throws -> RunTrace {
        let record = MomentRecord()
        let watch = options.watch
        var options = options
        options.isRecorded = false
        options.watch = { event in
            watch(event)
            record.add(RunTrace.Moment(event))
        }
        let trainer = Trainer(
            communicator: communicator, configuration: try configuration(worldSize: communicator.size),
            options: options, dataset: Self.dataset, resumePoint: nil, observer: NoteTaker(note))
        do {
            guard case .finished(let summary) = try trainer.run() else {
                return RunTrace(moments: record.moments, sha256: "", failure: "it was asked to stop")
            }
            let test = RunTrace.Moment(
                name: "test", quantities: ["loss"],
                bits: [hexadecimal((summary.testLoss ?? .nan).bitPattern)])
            return RunTrace(moments: record.moments + [test], sha256: summary.tensorsSHA256)
        } catch let error as any AgreedFailure
            where error is Divergence || error is ReplicaCheck.Failure || error is ArithmeticProbe.Failure
        {
            return RunTrace(moments: record.moments, sha256: "", failure: "\(error)")
        }
    }
}

/// The moments of a run so far.
private final class MomentRecord: Sendable {
    private let all = Mutex<[RunTrace.Moment]>([])

    var moments: [RunTrace.Moment] { all.withLock { $0 } }

    func add(_ moment: RunTrace.Moment) { all.withLock { $0.append(moment) } }
}

/// Passes on what people should know of a run, and nothing else.
private final class NoteTaker: TrainingObserver {
    private let take: (String) -> Void

    init(_ take: @escaping (String) -> Void) { self.take = take }

    func runBegins(_ header: [(key: String, value: String)], plan: ConsoleReporter.Plan) {}
    func stepEnded(_ record: StepRecord) {}
    func epochEnded(_ record: EpochRecord) {}
    func note(_ text: String) { take(text) }
    func runEnded(_ summary: RunSummary, directory: String) {}
}

extension RunTrace.Moment {
    fileprivate init(_ event: RunEvent) {
        switch event {
        case .validation(let epoch, let loss):
            self.init(
                name: "validation \(epoch)", quantities: ["loss"],
                bits: [hexadecimal(loss.meanLoss.bitPattern)])
        case .step(let step, let loss, let model):
            self.init(
                name: "step \(step)", quantities: ["loss"], bits: [hexadecimal(loss.lossSum.bitPattern)])
            let network = model.mlp.network
            // Those first that others follow from.
            add(model.runningStatistics, network.statisticsLayout, prefix: "")
            for (name, state) in zip(model.optimizer.stateNames, model.optimizerState) {
                add(state, network.parameterLayout, prefix: Checkpoint.optimizerPrefix + name + ".")
            }
            add(model.parameters, network.parameterLayout, prefix: "")
            if let averaged = model.averaged {
                add(averaged.runningStatistics, network.statisticsLayout, prefix: Checkpoint.averagedPrefix)
                add(averaged.parameters, network.parameterLayout, prefix: Checkpoint.averagedPrefix)
            }
        }
    }

    private mutating func add(_ values: Vector<Float>, _ layout: ParameterLayout, prefix: String) {
        for entry in layout.entries {
            quantities.append(prefix + entry.name)
            bits.append(Self.shortDigest(values[entry.range]))
        }
    }

    /// 16 bits that follow from all bits of a tensor.
    private static func shortDigest(_ values: Vector<Float>) -> String {
        // A quick digest, whose lower bits say more than its higher ones; the multiplier is that of splitmix64.
        let sum = values.digest().sum
        return String(hexadecimal(((sum ^ sum >> 32) &* 0xbf58_476d_1ce4_e5b9) >> 48).suffix(4))
    }
}

/// All 16 digits.
func hexadecimal(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}
