import Checkpoints
import Collectives
import CollectivesTesting
import DataParallel
import Datasets
import FileTestSupport
import Foundation
import MLPEngine
import Metrics
import Synchronization
import Tensors
import Testing
import Training

/// The mean of the weights that a run keeps beside its model.
@Suite struct WeightAveragingTests {
    /// The weights and running statistics of rank 0 after each step, and what the run left behind.
    private struct Recorded {
        let folder: TemporaryFolder
        let summary: RunSummary
        let parameters: [[Float]]
        let statistics: [[Float]]
        var path: String { folder.path("run") }

        init(_ run: SmallRun) throws {
            let all = Mutex<[([Float], [Float])]>([])
            var run = run
            run.watch = { event in
                guard case .step(_, _, let model) = event else { return }
                let numbers = (model.parameters.array, model.runningStatistics.array)
                all.withLock { $0.append(numbers) }
            }
            folder = try TemporaryFolder()
            let outcome = try run.train(over: SingleProcessCommunicator(), output: folder.path("run"))
            summary = try #require(outcome.summary)
            (parameters, statistics) = all.withLock { ($0.map(\.0), $0.map(\.1)) }
        }

        func model(_ model: Checkpoint.Model, _ run: SmallRun) throws -> CheckpointModel {
            try CheckpointModel(
                ResumePoint(run: RunDirectory(path: path)), model: model, dataset: run.dataset,
                communicator: SingleProcessCommunicator(), note: { _ in })
        }

        func loss(_ model: Checkpoint.Model, _ run: SmallRun) throws -> Double {
            try CheckpointEvaluation.run(
                ResumePoint(run: RunDirectory(path: path)), model: model, dataset: run.dataset,
                communicator: SingleProcessCommunicator(), mode: .rank0
            ).loss.meanLoss
        }
    }

    private static func run(
        _ averaging: WeightAveraging, epochs: Int = 2, validationSize: Int = 0,
        _ configure: @escaping @Sendable (inout TrainingConfiguration) -> Void = { _ in }
    ) -> SmallRun {
        SmallRun(batchNorm: .sync, epochs: epochs, learningRate: 0.05, validationSize: validationSize) {
            $0.averaging = averaging
            configure(&$0)
        }
    }

    private static func expectClose(
        _ found: [Float], _ expected: [Double], _ tolerance: Double = 2e-6,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let worst = zip(found, expected).map { abs(Double($0) - $1) / max(1, abs($1)) }.max() ?? .nan
        #expect(
            found.count == expected.count && worst <= tolerance, "\(worst)", sourceLocation: sourceLocation)
    }

    @Test(
        "An exponential mean is that of the weights of all steps, and of their statistics",
        arguments: [TrainingConfiguration.OptimizerKind.sgd, .adamw], TrainingConfiguration.Strategy.allCases)
    func exponential(
        optimizer: TrainingConfiguration.OptimizerKind, strategy: TrainingConfiguration.Strategy
    ) throws {
        let run = Self.run(.ema(decay: 0.4)) {
            ($0.optimizerKind, $0.strategy) = (optimizer, strategy)
            if optimizer == .adamw { $0.learningRate = 0.003 }
        }
        let recorded = try Recorded(run)
        #expect(recorded.parameters.count == 2 * SmallRun.stepsPerEpoch)
        let averaged = try recorded.model(.averaged, run)
        let network = MLP(averaged.configuration.model).network
        func mean(_ steps: [[Float]], _ layout: ParameterLayout) -> [Double] {
            let first = AlignedBuffer<Float>(zeroed: layout.count)
            layout.initialize(first.vector, seed: run.seed)
            var mean = first.vector.array.map(Double.init)
            for (index, weights) in steps.enumerated() {
                let step = Double(index + 1)
                let decay = min(0.4, (1 + step) / (10 + step))
                for place in mean.indices {
                    mean[place] = decay * mean[place] + (1 - decay) * Double(weights[place])
                }
            }
            return mean
        }
        Self.expectClose(averaged.parameters, mean(recorded.parameters, network.parameterLayout))
        Self.expectClose(averaged.runningStatistics, mean(recorded.statistics, network.statisticsLayout))
        #expect(averaged.parameters != recorded.parameters.last)
        #expect(try recorded.model(.current, run).parameters == recorded.parameters.last)
    }

    @Test("A mean over epochs is that of the weights at the ends of the epochs from the given one on")
    func overEpochs() throws {
        let run = Self.run(.swa(epoch: 2), epochs: 4)
        let recorded = try Recorded(run)
        let ends = (2...4).map { recorded.parameters[$0 * SmallRun.stepsPerEpoch - 1] }
        let mean = ends[0].indices.map { place -> Double in
            ends.reduce(0.0) { $0 + Double($1[place]) } / 3
        }
        Self.expectClose(try recorded.model(.averaged, run).parameters, mean)
    }

    @Test("Batch norm's statistics of that mean are its own, over training records, with nothing dropped")
    func statisticsOfAMean() throws {
        let run = Self.run(.swa(epoch: 1)) { $0.inputDropout = 0.4 }
        let recorded = try Recorded(run)
        let averaged = try recorded.model(.averaged, run)
        let network = MLP(averaged.configuration.model).network
        let first = network.linears[0]
        let (weights, format) = (averaged.parameters, run.dataset.format)
        let count = run.dataset.count(of: .training)
        let records = try run.dataset.read(.training, records: Array(0..<count))
        // All records are one chunk, so the first norm's statistics are those of W x + b over all of them.
        let outputs: [[Double]] = (0..<count).map { record in
            let x: [Double] = (0..<first.inputs).map { place in
                let channel = place / format.planeBytes
                let pixel = Double(records.pixels[record * format.imageBytes + place]) / 255
                return (pixel - Double(format.mean[channel])) / Double(format.standardDeviation[channel])
            }
            return (0..<first.outputs).map { unit -> Double in
                var sum = Double(weights[first.bias.lowerBound + unit])
                let start = first.weight.lowerBound + unit * first.inputs
                for place in x.indices { sum += x[place] * Double(weights[start + place]) }
                return sum
            }
        }
        var (means, variances): ([Double], [Double]) = ([], [])
        for unit in 0..<first.outputs {
            let values: [Double] = outputs.map { $0[unit] }
            let mean: Double = values.reduce(0, +) / Double(count)
            let squares: [Double] = values.map { ($0 - mean) * ($0 - mean) }
            means.append(mean)
            variances.append(squares.reduce(0, +) / Double(count - 1))
        }
        Self.expectClose(
            Array(averaged.runningStatistics[..<(2 * first.outputs)]), means + variances, 1e-4)
    }

    @Test("The records for statistics are dealt to the chunks in turn, each once")
    func sample() {
        let training = (0..<1201).map { $0 * 2 }
        let sample = BatchStatistics.sample(of: training)
        #expect(sample.sorted() == training)
        for chunk in stride(from: 0, to: 1000, by: 250) {
            #expect(
                (sample[chunk..<chunk + 250].max() ?? 0) - (sample[chunk..<chunk + 250].min() ?? 0) > 2300)
        }
        let large = BatchStatistics.sample(of: Array(0..<45_000))
        #expect(Set(large).count == 10_000 && large.allSatisfy { (0..<45_000).contains($0) })
    }

    @Test("The mean is validated, best and tested, and the model itself is tested, too")
    func whatIsJudged() throws {
        for averaging in [WeightAveraging.ema(decay: 0.6), .swa(epoch: 2)] {
            let validated = Self.run(averaging, epochs: 3, validationSize: 40)
            let recorded = try Recorded(validated)
            #expect(try recorded.summary.testLoss == recorded.loss(.best, validated))
            #expect(try recorded.summary.ownTestLoss == recorded.loss(.current, validated))
            #expect(recorded.summary.testLoss != recorded.summary.ownTestLoss)
            let observer = SmallRun.Observer()
            let folder = try TemporaryFolder()
            _ = try validated.train(
                over: SingleProcessCommunicator(), output: folder.path("run"), observer: observer)
            let last = try CheckpointEvaluation.run(
                ResumePoint(run: RunDirectory(path: folder.path("run"))), model: .averaged,
                split: .validation,
                dataset: validated.dataset, communicator: SingleProcessCommunicator(), mode: .rank0)
            #expect(last.loss.meanLoss == observer.epochs.last?.validationLoss)
            #expect(
                observer.header["averaging"]?.contains("is what is validated, chosen as best and tested")
                    == true)

            let unvalidated = Self.run(averaging, epochs: 3)
            let other = try Recorded(unvalidated)
            #expect(try other.summary.testLoss == other.loss(.averaged, unvalidated))
        }
    }

    @Test("A mean changes no bit of the model itself")
    func modelItself() throws {
        let plain = try Recorded(Self.run(.none))
        #expect(plain.summary.averagedSHA256 == nil && plain.summary.ownTestLoss == nil)
        for averaging in [WeightAveraging.ema(decay: 0.6), .swa(epoch: 2)] {
            let recorded = try Recorded(Self.run(averaging))
            #expect(recorded.summary.tensorsSHA256 == plain.summary.tensorsSHA256)
            #expect(recorded.summary.averagedSHA256 != nil)
            #expect(recorded.summary.averagedSHA256 != plain.summary.tensorsSHA256)
        }
    }

    @Test(
        "The same bits on any ranks and nodes, whoever evaluates, stopped after any step and resumed on others",
        arguments: [WeightAveraging.ema(decay: 0.7), .swa(epoch: 1)])
    func sameBits(averaging: WeightAveraging) throws {
        var run = Self.run(averaging, validationSize: 40)
        let alone = try Recorded(run).summary
        func expectSame(_ outcomes: [RunOutcome]) {
            for outcome in outcomes {
                #expect(outcome.summary?.testLoss == alone.testLoss)
                #expect(outcome.summary?.ownTestLoss == alone.ownTestLoss)
            }
            #expect(outcomes[0].summary?.averagedSHA256 == alone.averagedSHA256)
            #expect(outcomes[0].digest == alone.tensorsSHA256)
        }
        for nodes in [[0, 0], [0, 0, 1], [0, 1, 1, 0]] {
            run.evaluation = nodes.count == 3 ? .sharded : .rank0
            let (run, folder) = (run, try TemporaryFolder())
            expectSame(
                try ThreadCommunicator.run(nodeOfRank: nodes) {
                    try run.train(over: $0, output: folder.path("run"))
                })
        }
        for step in 1..<2 * SmallRun.stepsPerEpoch {
            let (run, folder) = (run, try TemporaryFolder())
            let before = [[0], [0, 0], [0, 1]][step % 3]
            let after = [[0, 0, 1], [0], [0, 0]][step % 3]
            _ = try ThreadCommunicator.run(nodeOfRank: before) {
                try run.train(over: $0, output: folder.path("run"), stopStep: step)
            }
            expectSame(
                try ThreadCommunicator.run(nodeOfRank: after) {
                    try run.train(over: $0, output: folder.path("run"), resumes: true)
                })
        }
    }

    @Test(
        "A mean over epochs is in a checkpoint from its first epoch on; before, the model itself is validated"
    )
    func beforeTheFirst() throws {
        let run = Self.run(.swa(epoch: 2), validationSize: 40)
        let recorded = try Recorded(run)
        func point(epoch: Int) throws -> ResumePoint {
            let step = epoch * SmallRun.stepsPerEpoch
            return try ResumePoint(
                path: recorded.path + "/checkpoints/step-000000\(step < 10 ? "0" : "")\(step).safetensors.zst"
            )
        }
        let early = try point(epoch: 1)
        #expect(throws: Never.self) { try early.checkTensors() }
        func model(_ point: ResumePoint, _ model: Checkpoint.Model) throws -> [Float] {
            try CheckpointModel(
                point, model: model, dataset: run.dataset, communicator: SingleProcessCommunicator(),
                note: { _ in }
            ).parameters
        }
        #expect(try model(early, .best) == model(early, .current))
        let error = #expect(throws: (any Error).self) { try model(early, .averaged) }
        #expect("\(try #require(error))".contains("expected a mean of the weights"))
        let late = try point(epoch: 2)
        // The mean of one epoch's weights.
        #expect(try model(late, .averaged) == model(late, .current))
    }

    @Test("A checkpoint without a tensor of the mean, or with another shape of it, is refused by its name")
    func damaged() throws {
        let run = Self.run(.ema(decay: 0.5))
        let recorded = try Recorded(run)
        let path = recorded.path + "/checkpoints/step-00000010.safetensors.zst"
        let checkpoint = try CheckpointFile.read(path)
        let name = "averaged.layers.0.weight"
        func refusal(_ tensors: [NamedTensor]) throws -> String {
            let other = recorded.folder.path("other.safetensors.zst")
            try CheckpointFile.encode(Checkpoint(tensors: tensors, metadata: checkpoint.metadata))
                .write(to: URL(filePath: other))
            let error = #expect(throws: ResumePoint.Failure.self) {
                try ResumePoint(path: other).checkTensors()
            }
            return error?.description ?? ""
        }
        let without = try refusal(checkpoint.tensors.filter { $0.name != name })
        #expect(without.contains("tensor \(name): expected [12, 3072], found no such tensor"), "\(without)")
        let none = try refusal(checkpoint.tensors.filter { !$0.name.hasPrefix("averaged.") })
        #expect(none.contains("tensor averaged.") && none.contains("no such tensor"), "\(none)")
        let small = try NamedTensor(name: name, shape: [1], floats: [1])
        let other = try refusal(checkpoint.tensors.map { $0.name == name ? small : $0 })
        #expect(other.contains("tensor \(name): expected [12, 3072], found [1]"), "\(other)")
    }

    @Test("Words that are none are refused, and so are decays and epochs that cannot be")
    func words() throws {
        for word in ["none", "ema:0.999", "swa:3"] {
            let averaging = try #require(WeightAveraging(rawValue: word))
            #expect(averaging.rawValue == word)
            let json = try JSONEncoder().encode([averaging])
            #expect(String(decoding: json, as: UTF8.self) == "[\"\(word)\"]")
            #expect(try JSONDecoder().decode([WeightAveraging].self, from: json) == [averaging])
            var configuration = TrainingConfiguration()
            try configuration.apply(["average-weights": word])
            try configuration.validate()
            #expect(configuration.averaging == averaging)
        }
        for word in [
            "", "ema", "ema:", "ema:x", "ema:0", "ema:1", "ema:nan", "swa", "swa:0", "swa:11", "swa:1.5",
        ] {
            let error = #expect(throws: ConfigurationError.self) {
                var configuration = TrainingConfiguration()
                try configuration.apply(["average-weights": word])
                try configuration.validate()
            }
            #expect(error?.setting == "--average-weights")
        }
    }
}
