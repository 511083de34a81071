public import Collectives
internal import DataParallel
internal import Datasets
internal import MLPEngine
internal import Tensors

/// Measures training steps on synthetic records: configurations that are to be compared in turn, again and again, so
/// that what else the machine does meets all of them alike.
public struct StepBenchmark {
    private let communicator: any Communicator
    private let threads: Int
    private let rounds: Int
    private let secondsPerRound: Double
    private let comparesWithMPI: Bool

    /// A benchmark over the ranks of `communicator`.
    ///
    /// - Parameters:
    ///   - communicator: The ranks.
    ///   - threads: The threads of each rank.
    ///   - rounds: How often each configuration has its turn, besides a first one to warm up.
    ///   - secondsPerRound: About how long a turn is.
    ///   - comparesWithMPI: Whether each configuration also runs with all numbers carried by MPI alone; on one rank
    ///     there is nothing to carry.
    public init(
        communicator: any Communicator, threads: Int, rounds: Int, secondsPerRound: Double,
        comparesWithMPI: Bool
    ) {
        self.communicator = communicator
        self.threads = threads
        self.rounds = rounds
        self.secondsPerRound = secondsPerRound
        self.comparesWithMPI = comparesWithMPI && communicator.size > 1
    }

    /// The threads that training gives each rank: the processors of its node divided by the ranks on it, on the rank that
    /// has most. Collective: every rank must call it.
    ///
    /// - Throws: The communicator's error.
    public static func threadsPerRank(of communicator: any Communicator) throws -> Int {
        Int(try communicator.allreduce(Int64(ProcessorShare.threads(of: communicator)), .maximum))
    }

    /// Measures the steps of configurations that differ in their strategy alone. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - configurations: Settled for this world size.
    ///   - limits: What the machine can do.
    ///   - machine: The machine.
    /// - Returns: A measurement for each, and each again over MPI where that was asked for; the same on every rank.
    /// - Throws: The communicator's error.
    public func run(
        _ configurations: [TrainingConfiguration], limits: MachineLimits, machine: BenchmarkMachine
    ) throws -> [StepMeasurement] {
        guard let first = configurations.first else { return [] }
        let records = try BenchmarkRecords(first, communicator: communicator)
        let team = try communicator.agree(on: "starting threads") {
            try ProcessorAffinity.withAffinityToAllProcessors { try WorkerTeam(threadCount: threads) }
        }
        let transports: [RunOptions.Transport] = comparesWithMPI ? [.auto, .mpi] : [.auto]
        let runs = try transports.flatMap { transport in
            try configurations.map {
                try BenchmarkRun(
                    $0, transport: transport, records: records, communicator: communicator, team: team)
            }
        }
        for round in 0...rounds {
            for run in runs { try run.takeTurn(seconds: secondsPerRound, isWarmUp: round == 0) }
        }
        for run in runs { try run.countAllocations() }
        var results = try runs.map { try $0.measurement(limits: limits, machine: machine) }
        for index in results.indices { results[index].compare(with: results) }
        return results
    }
}

extension StepMeasurement {
    /// Fills in the ratios to measurements of the same configuration.
    mutating func compare(with others: [StepMeasurement]) {
        func ratio(toStrategy strategy: String, transport: String) -> Double? {
            let other = others.first {
                $0.hiddenDimensions == hiddenDimensions && $0.batchNorm == batchNorm
                    && $0.batchSize == batchSize && $0.strategy == strategy && $0.transport == transport
            }
            return other.map { stepSeconds / $0.stepSeconds }
        }
        timeRelativeToAllreduce = ratio(
            toStrategy: TrainingConfiguration.Strategy.allreduce.rawValue, transport: transport)
        timeRelativeToMPI = ratio(toStrategy: strategy, transport: RunOptions.Transport.mpi.rawValue)
    }
}
