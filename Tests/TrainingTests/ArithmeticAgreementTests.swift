import CollectivesTesting
import Collectives
import DataParallel
import FileTestSupport
import Foundation
import Tensors
import Testing
import Training

/// What ranks agree on before they train, and what they find when one computes otherwise all the same.
@Suite struct ArithmeticAgreementTests {
    /// The messages of all ranks' errors, and which of them would be printed.
    private func failures(
        nodeOfRank: [Int], _ train: @escaping @Sendable (ThreadCommunicator) throws -> RunOutcome
    ) throws -> [String] {
        let errors = try ThreadCommunicator.run(nodeOfRank: nodeOfRank) { communicator in
            do {
                _ = try train(communicator)
                return ("", false)
            } catch let error as any AgreedFailure {
                return ("\(error)", error.shouldReport)
            }
        }
        #expect(errors.map(\.1) == [true] + Array(repeating: false, count: nodeOfRank.count - 1))
        return errors.map(\.0)
    }

    @Test(
        "A C library that gives one rank other learning rates is found before the first step, and named alone"
    )
    func schedule() throws {
        let folder = try TemporaryFolder()
        let output = folder.path("run")
        let messages = try failures(nodeOfRank: [0, 0, 1]) { communicator in
            var run = SmallRun()
            // What another cosine would do.
            if communicator.rank == 2 { run.learningRate = run.learningRate.nextUp }
            return try run.train(over: communicator, output: output)
        }
        for message in messages {
            #expect(
                message.contains("rank 2 (host node-1)") && message.hasPrefix("comparing arithmetic")
                    && message.contains("give other learning rates;"), "\(message)")
        }
        #expect(!FileManager.default.fileExists(atPath: output))
    }

    @Test(
        "A node that drifts away is found at the next checkpoint and at the next evaluation, and named",
        arguments: [CheckpointInterval.steps(2), .seconds(1e-9), .epochs(1)], [[0, 0, 1, 1], [0, 1, 0, 1]])
    func drift(interval: CheckpointInterval, nodeOfRank: [Int]) throws {
        let folder = try TemporaryFolder()
        let output = folder.path("run")
        let culprit = nodeOfRank.firstIndex(of: 1) ?? 0
        let messages = try failures(nodeOfRank: nodeOfRank) { communicator in
            try SmallRun(checkpointInterval: interval).train(
                over: FlippedBit(communicator, rank: culprit, from: 3), output: output)
        }
        let names =
            nodeOfRank == [0, 0, 1, 1]
            ? ["those of ranks 0-1 (host node-0)", "others on ranks 2-3 (host node-1)"]
            : ["those of ranks 0, 2 (host node-0)", "others on ranks 1, 3 (host node-1)"]
        let last = if case .epochs = interval { SmallRun.stepsPerEpoch } else { 4 }
        for message in messages {
            #expect(names.allSatisfy(message.contains), "\(message)")
            let step = message.firstMatch(of: /comparing the models after step (\d+) in epoch 1/)
            #expect(step.flatMap { Int($0.1) }.map { $0 <= last } == true, "\(message)")
        }
    }

    @Test(
        "Without a unit for products of bytes, integers asked for by name give the same bits by plain loops")
    func plainLoops() async {
        await #expect(processExitsWith: .success) {
            func digest(_ precision: MatmulPrecision, header: inout String) throws -> String {
                let folder = try TemporaryFolder()
                let observer = SmallRun.Observer()
                let outcome = try SmallRun(matmulPrecision: precision).train(
                    over: SingleProcessCommunicator(), output: folder.path("run"), observer: observer)
                header = observer.header["products"] ?? ""
                return outcome.digest
            }
            var header = ""
            let precisions = [MatmulPrecision.high, .medium, .highest]
            let best = try precisions.map { try digest($0, header: &header) }
            guard Set(best).count == 3 else { exit(1) }
            InstructionSet.used = min(.used, .avx512)
            for (precision, expected) in zip(precisions, best) {
                guard try digest(precision, header: &header) == expected,
                    header.contains("not every CPU here has a unit")
                else { exit(2) }
            }
            // Only where nothing was asked for.
            var configuration = TrainingConfiguration()
            try configuration.settle(worldSize: 1)
            guard configuration.matmulPrecision == .highest else { exit(3) }
            configuration.matmulPrecision = .high
            try configuration.settle(worldSize: 1)
            guard configuration.matmulPrecision == .high else { exit(4) }
        }
    }

    @Test("Records that are not those of the run it goes on from are refused with both fingerprints")
    func otherRecords() throws {
        let folder = try TemporaryFolder()
        var run = SmallRun()
        _ = try run.train(over: SingleProcessCommunicator(), output: folder.path("run"), stopStep: 3)
        run.dataSeed += 1
        let error = #expect(throws: ResumePoint.Failure.self) {
            _ = try run.train(over: SingleProcessCommunicator(), output: folder.path("run"), resumes: true)
        }
        #expect(error?.description.contains("expected the records with fingerprint") == true)
        run.dataSeed -= 1
        let outcome = try run.train(
            over: SingleProcessCommunicator(), output: folder.path("run"), resumes: true)
        #expect(try outcome.digest == run.digestAlone())
    }
}
