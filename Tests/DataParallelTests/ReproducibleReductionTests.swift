import Collectives
import DataParallel
import MLPEngine
import TensorTestSupport
import Tensors
import Testing

/// Reproducible training on several ranks, here threads.
@Suite struct ReproducibleReductionTests {
    @Test(
        "Any number of ranks up to that of the shards gives the same bits", arguments: TrainingProblem.all)
    func sameBits(problem: TrainingProblem) throws {
        let alone = try problem.trainReproducibly(steps: 6, over: SingleProcessCommunicator(), as: Float.self)
        for ranks in 1...TrainingProblem.shards {
            let states = try ThreadCommunicator.run(size: ranks) {
                try problem.trainReproducibly(steps: 6, over: $0, as: Float.self)
            }
            for state in states { #expect(state.hasBits(of: alone), "\(ranks) ranks") }
        }
    }

    @Test("Any number of threads gives the same bits", arguments: TrainingProblem.all, [2, 3, 8])
    func threads(problem: TrainingProblem, threads: Int) throws {
        let one = try problem.trainReproducibly(steps: 4, over: SingleProcessCommunicator(), as: Float.self)
        let many = try problem.trainReproducibly(
            steps: 4, over: SingleProcessCommunicator(), threads: threads, as: Float.self)
        #expect(many.hasBits(of: one))
        let ranks = try ThreadCommunicator.run(size: 3) {
            try problem.trainReproducibly(steps: 4, over: $0, threads: threads, as: Float.self)
        }
        for state in ranks { #expect(state.hasBits(of: one)) }
    }

    @Test(
        "The result is that of passes over the whole batch, or over each shard",
        arguments: TrainingProblem.all)
    func values(problem: TrainingProblem) throws {
        // Local batch norm normalises each shard by itself, as it would on as many ranks.
        let expected = try problem.reference(steps: 6, worldSize: TrainingProblem.shards)
        let double = try ThreadCommunicator.run(size: 3) {
            try problem.trainReproducibly(steps: 6, over: $0, as: Double.self)
        }
        #expect(double[2].distance(to: expected) < 1e-12)
        let float = try ThreadCommunicator.run(size: 3) {
            try problem.trainReproducibly(steps: 6, over: $0, as: Float.self)
        }
        #expect(float[1].distance(to: expected) < 1e-5)
    }

    @Test("A stop requested on any rank reaches all")
    func stop() throws {
        for culprit in -1..<3 {
            let answers = try ThreadCommunicator.run(size: 3) { communicator in
                let problem = TrainingProblem(mode: .none)
                let scratch = Scratch()
                let method = ReproducibleReduction<Float>(
                    communicator: communicator, network: problem.mlp.network,
                    shardsOfRank: [0..<1, 1..<3, 3..<4],
                    rowsPerShard: 1, networkInput: scratch.unset(4, TrainingProblem.inputs),
                    synchronizesBatchNorm: false, threadCount: 1)
                return try method.complete(
                    ReductionBuffer(for: problem.mlp.network),
                    batchStatistics: scratch.unset(method.parts, 0),
                    losses: Array(repeating: .zero, count: method.parts),
                    stopRequested: communicator.rank == culprit
                ).stopRequested
            }
            #expect(answers == Array(repeating: culprit >= 0, count: 3))
        }
    }
}
