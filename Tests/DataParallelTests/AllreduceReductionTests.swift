import Collectives
import DataParallel
import MLPEngine
import TensorTestSupport
import Tensors
import Testing

@Suite struct AllreduceReductionTests {
    /// Ranks with 10, 15 and 15 of 40 rows.
    private static let size = 3
    private static let rows = TrainingProblem.rowsOfRank(worldSize: size)

    private struct Completed: Sendable {
        var outcome: StepOutcome
        var gradients: [Double]
        var statistics: [Double]
    }

    /// Completes a step in which rank r holds gradients i + 100 r, statistics 10 (r + 1) + i, loss r + 0.5 and r + 2 hits.
    private func complete<Scalar: TensorScalar & CollectiveElement>(
        _ mode: BatchNormMode, stopOn stopped: Set<Int> = [], as type: Scalar.Type
    ) throws -> [Completed] {
        let problem = TrainingProblem(mode: mode)
        return try ThreadCommunicator.run(size: Self.size) { communicator in
            let scratch = Scratch()
            let rank = communicator.rank
            let method: AllreduceReduction<Scalar> = problem.reduction(over: communicator)
            let buffer = ReductionBuffer<Scalar>(for: problem.mlp.network)
            for index in 0..<buffer.gradients.count { buffer.gradients[index] = Scalar(index + 100 * rank) }
            let count = problem.mlp.network.statisticsLayout.count
            // Synchronised statistics are the same everywhere.
            let base = mode == .sync ? 10 : 10 * (rank + 1)
            let statistics = scratch.vector((0..<count).map { Scalar(base + $0) })
            let loss = BatchLoss(
                lossSum: Double(rank) + 0.5, correct: rank + 2, samples: Self.rows[rank])
            let outcome = try method.complete(
                buffer, batchStatistics: statistics.matrix(rows: 1, columns: count), losses: [loss],
                stopRequested: stopped.contains(rank))
            return Completed(
                outcome: outcome, gradients: buffer.gradients.doubles,
                statistics: buffer.statistics.doubles)
        }
    }

    private func check<Scalar: TensorScalar & CollectiveElement>(
        _ mode: BatchNormMode, as type: Scalar.Type
    ) throws {
        let results = try complete(mode, as: type)
        #expect(results.count == Self.size)
        for result in results {
            #expect(result.outcome.loss == BatchLoss(lossSum: 4.5, correct: 9, samples: 40))
            #expect(!result.outcome.stopRequested)
            #expect(result.gradients == result.gradients.indices.map { Double(3 * $0 + 300) })
            #expect(result.statistics.isEmpty == (mode == .none))
            // 10/40 · 10 + 15/40 · 20 + 15/40 · 30 = 21.25
            let base = mode == .sync ? 10 : 21.25
            for (index, value) in result.statistics.enumerated() {
                #expect(abs(value - base - Double(index)) < 64 * Double(Scalar.ulpOfOne))
            }
        }
    }

    @Test(
        "Gradients, losses and hits are summed over the ranks; each rank's own statistics count by its rows",
        arguments: BatchNormMode.allCases)
    func sums(mode: BatchNormMode) throws {
        #expect(Self.rows == [10, 15, 15])
        try check(mode, as: Float.self)
        try check(mode, as: Double.self)
    }

    @Test(
        "A request to any rank to stop reaches all ranks and changes nothing else",
        arguments: [[0], [2], [0, 1], [0, 1, 2]] as [Set<Int>], BatchNormMode.allCases)
    func stop(ranks: Set<Int>, mode: BatchNormMode) throws {
        let others = try complete(mode, as: Float.self)
        let results = try complete(mode, stopOn: ranks, as: Float.self)
        for (result, other) in zip(results, others) {
            #expect(result.outcome.stopRequested)
            #expect(result.outcome.loss == other.outcome.loss && result.gradients == other.gradients)
            #expect(result.statistics == other.statistics)
        }
    }

    @Test("A stop that one rank asks for at one step is seen by all at that step and at no other")
    func stopInTraining() throws {
        let problem = TrainingProblem(mode: .sync)
        let seen = try ThreadCommunicator.run(size: 3) { communicator in
            let scratch = Scratch()
            let rows = Self.rows[communicator.rank]
            let method: AllreduceReduction<Float> = problem.reduction(over: communicator)
            let replica = Replica<Float>(
                mlp: problem.mlp, optimizer: SGD(), rows: rows, parts: method.parts, seed: 1)
            let x: Matrix<Float> = scratch.normals(rows, TrainingProblem.inputs, stream: communicator.rank)
            let labels = scratch.vector([Int32](repeating: 1, count: rows))
            return try (0..<4).map { step in
                try replica.step(
                    x, targets: .labels(labels), globalBatch: TrainingProblem.batch, learningRate: 0.01,
                    stopRequested: step == 2 && communicator.rank == 1, method: method
                ).stopRequested
            }
        }
        #expect(seen == Array(repeating: [false, false, true, false], count: 3))
    }

    @Test("Moments of ranks with different numbers of rows become those of all rows, on every rank")
    func moments() throws {
        let problem = TrainingProblem(mode: .sync)
        let width = 3
        let batch = TrainingProblem.inputs(step: 0)
        let merged = try ThreadCommunicator.run(size: Self.size) { communicator in
            let scratch = Scratch()
            let range = TrainingProblem.rows(of: communicator.rank, worldSize: Self.size)
            let x = scratch.vector(Array(batch[range.lowerBound * width..<range.upperBound * width])).matrix(
                rows: range.count, columns: width)
            let moments: Matrix<Double> = scratch.unset(1, 2 * width)
            x.moments(mean: moments.vector[0..<width], m2: moments.vector[width..<2 * width])
            let method: AllreduceReduction<Double> = problem.reduction(over: communicator)
            let rows = try method.mergeMoments(moments, partRows: range.count)
            return (rows: rows, moments: moments.vector.array)
        }
        for result in merged {
            #expect(result.rows == TrainingProblem.batch)
            #expect(result.moments == merged[0].moments)
        }
        for column in 0..<width {
            let values = (0..<TrainingProblem.batch).map { batch[$0 * width + column] }
            let mean = values.reduce(0, +) / Double(values.count)
            let deviations = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            #expect(abs(merged[0].moments[column] - mean) < 1e-13)
            #expect(abs(merged[0].moments[width + column] - deviations) < 1e-12)
        }
    }

    @Test("Batch norm's gradient stays this rank's share; its sums become those of all ranks if synchronised")
    func batchNormSums() throws {
        for mode in [BatchNormMode.sync, .local] {
            let results = try ThreadCommunicator.run(size: Self.size) { communicator in
                let scratch = Scratch()
                let own = (0..<4).map { Float($0 + 10 * communicator.rank) }
                let sums = scratch.vector(own).matrix(rows: 1, columns: 4)
                let gradient: Vector<Float> = scratch.unset(4)
                let method: AllreduceReduction<Float> = TrainingProblem(mode: mode).reduction(
                    over: communicator)
                try method.sumBatchNorm(sums, gradient: gradient)
                return (own: own, gradient: gradient.array, sums: sums.vector.array)
            }
            for result in results {
                #expect(result.gradient == result.own)
                #expect(result.sums == (mode == .sync ? [30, 33, 36, 39] : result.own))
            }
        }
    }

    @Test("What one rank throws ends the step on all, in every mode", arguments: BatchNormMode.allCases)
    func failure(mode: BatchNormMode) {
        struct Failure: Error {}
        let problem = TrainingProblem(mode: mode)
        #expect(throws: Failure.self) {
            _ = try ThreadCommunicator.run(size: 3) { communicator in
                if communicator.rank == 2 { throw Failure() }
                return try problem.train(steps: 1, over: communicator, as: Float.self)
            }
        }
    }

    @Test("Gradients and statistics begin at 0, on a cache line, and do not overlap")
    func buffer() {
        let network = TrainingProblem(mode: .sync).mlp.network
        let buffer = ReductionBuffer<Float>(for: network)
        #expect(buffer.gradients.count == network.parameterLayout.count)
        #expect(buffer.statistics.count == network.statisticsLayout.count)
        #expect(UInt(bitPattern: buffer.gradients.base) % 64 == 0)
        #expect((buffer.gradients.array + buffer.statistics.array).allSatisfy { $0 == 0 })
        buffer.gradients.fill(1)
        #expect(buffer.statistics.array.allSatisfy { $0 == 0 })
        buffer.statistics.fill(2)
        #expect(buffer.gradients.array.allSatisfy { $0 == 1 })
        #expect(ReductionBuffer<Float>(for: TrainingProblem(mode: .none).mlp.network).statistics.count == 0)
    }
}
