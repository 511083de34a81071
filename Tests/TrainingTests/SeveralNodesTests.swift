import CollectivesTesting
import Collectives
import DataParallel
import Datasets
import FileTestSupport
import Testing
import Training

/// Training on several nodes, here groups of threads, between which batches travel ahead.
@Suite struct SeveralNodesTests {
    private static let placements = [
        [0, 1], [0, 0, 1], [0, 1, 0, 1], [0, 1, 1, 2, 2], [0, 1, 2, 3, 4, 5, 6],
    ]

    @Test(
        "They come to the bits of one rank", arguments: placements, [BatchNormMode.none, .local, .sync])
    func sameBits(nodeOfRank: [Int], batchNorm: BatchNormMode) throws {
        let run = SmallRun(batchNorm: batchNorm)
        let folder = try TemporaryFolder()
        let output = folder.path("run")
        let outcomes = try ThreadCommunicator.run(nodeOfRank: nodeOfRank) {
            try run.train(over: $0, output: output)
        }
        let alone = try run.digestAlone()
        #expect(!alone.isEmpty)
        #expect(outcomes[0].digest == alone)
    }

    @Test(
        "By sums of gradients they come to bits of one rank, too, also stopped in the middle of an epoch and resumed",
        arguments: [([0, 1], [0, 0, 1]), ([0, 1, 1, 2, 2], [0]), ([0, 0, 0], [0, 1, 2, 3, 4, 5, 6])])
    func sumsOfGradients(before: [Int], after: [Int]) throws {
        for batchNorm in BatchNormMode.allCases {
            let run = SmallRun(batchNorm: batchNorm, configure: { $0.strategy = .allreduce })
            let folder = try TemporaryFolder()
            let (output, whole) = (folder.path("run"), folder.path("whole"))
            _ = try ThreadCommunicator.run(nodeOfRank: before) {
                try run.train(over: $0, output: output, stopStep: SmallRun.stepsPerEpoch + 2)
            }
            let resumed = try ThreadCommunicator.run(nodeOfRank: after) {
                try run.train(over: $0, output: output, resumes: true)
            }
            let uninterrupted = try ThreadCommunicator.run(nodeOfRank: before) {
                try run.train(over: $0, output: whole)
            }
            let alone = try run.digestAlone()
            #expect(resumed[0].digest == alone && uninterrupted[0].digest == alone)
        }
    }

    @Test("A run that goes on with the other strategy says so, and comes to the same bits on any nodes")
    func otherStrategy() throws {
        func digest(_ before: [Int], _ after: [Int]) throws -> String {
            let folder = try TemporaryFolder()
            let output = folder.path("run")
            _ = try ThreadCommunicator.run(nodeOfRank: before) {
                try SmallRun().train(over: $0, output: output, stopStep: SmallRun.stepsPerEpoch + 2)
            }
            let outcomes = try ThreadCommunicator.run(nodeOfRank: after) { communicator in
                let observer = SmallRun.Observer()
                let outcome = try SmallRun(configure: { $0.strategy = .allreduce }).train(
                    over: communicator, output: output, resumes: true, observer: observer)
                return (digest: outcome.digest, notes: observer.notes)
            }
            #expect(outcomes[0].notes.contains { $0.contains("--strategy factor-exchange") })
            return outcomes[0].digest
        }
        let (one, other) = (try digest([0], [0]), try digest([0, 0, 1], [0, 1, 1]))
        #expect(one == other)
        #expect(try one != SmallRun().digestAlone())
        #expect(try one != SmallRun(configure: { $0.strategy = .allreduce }).digestAlone())
    }

    @Test(
        "With a global shuffle they do, too, also when stopped in the middle of an epoch and resumed on others"
    )
    func globalShuffle() throws {
        let run = SmallRun(batchNorm: .local, shuffle: .global)
        let folder = try TemporaryFolder()
        let output = folder.path("run")
        _ = try ThreadCommunicator.run(nodeOfRank: [0, 0, 1]) {
            try run.train(over: $0, output: output, stopStep: SmallRun.stepsPerEpoch + 2)
        }
        let resumed = try ThreadCommunicator.run(nodeOfRank: [0, 1, 1, 2]) {
            try run.train(over: $0, output: output, resumes: true)
        }
        let alone = try run.digestAlone()
        #expect(resumed[0].digest == alone)
        #expect(try SmallRun(batchNorm: .local).digestAlone() != alone)
    }

    @Test(
        "Where the ranks of each node read all images they come to the same bits, also of changed and mixed ones",
        arguments: placements, Shuffle.allCases)
    func dataOfHosts(nodeOfRank: [Int], shuffle: Shuffle) throws {
        @Sendable func run(_ placement: RunOptions.DataPlacement) -> SmallRun {
            SmallRun(
                batchNorm: .sync, shuffle: shuffle, dataPlacement: placement,
                configure: {
                    $0.augmentations = [.flip, .crop]
                    $0.mixup = 0.3
                })
        }
        let folder = try TemporaryFolder()
        let output = folder.path("run")
        _ = try ThreadCommunicator.run(nodeOfRank: nodeOfRank) {
            try run(.host).train(over: $0, output: output, stopStep: SmallRun.stepsPerEpoch + 2)
        }
        // Where images are read is no part of the run.
        let resumed = try ThreadCommunicator.run(nodeOfRank: nodeOfRank.reversed()) {
            try run(nodeOfRank.count % 2 == 0 ? .host : .rank).train(over: $0, output: output, resumes: true)
        }
        let alone = try run(.rank).digestAlone()
        #expect(resumed[0].digest == alone)
    }

    @Test(
        "A run that was stopped after any step, when the next batch could be on its way, goes on on other nodes",
        arguments: 1..<2 * SmallRun.stepsPerEpoch)
    func stopped(step: Int) throws {
        let run = SmallRun()
        let folder = try TemporaryFolder()
        let output = folder.path("run")
        let outcomes = try ThreadCommunicator.run(nodeOfRank: [0, 0, 1]) {
            try run.train(over: $0, output: output, stopStep: step)
        }
        guard case .stopped(_, let last, _) = outcomes[0] else {
            Issue.record("\(outcomes[0])")
            return
        }
        #expect(last == step)
        let resumed = try ThreadCommunicator.run(nodeOfRank: [0, 1, 1, 2]) {
            try run.train(over: $0, output: output, resumes: true)
        }
        #expect(try resumed[0].digest == run.digestAlone())
    }
}
