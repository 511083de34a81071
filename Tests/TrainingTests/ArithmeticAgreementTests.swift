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
        "A machine that gives one rank other learning rates is found before the first step, and named alone"
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
            #expect(message.contains(/, first in (layers|optimizer\.velocity\.layers)\.\d\.(weight|bias):/))
        }
    }

    @Test("A node that drifts away is found at once where models are compared after every step")
    func driftOfAStep() throws {
        let folder = try TemporaryFolder()
        let run = SmallRun(checkpointInterval: .epochs(2), consistencySteps: 1)
        let messages = try failures(nodeOfRank: [0, 1]) {
            try run.train(over: FlippedBit($0, rank: 1, from: 2), output: folder.path("run"))
        }
        for message in messages {
            #expect(message.contains("comparing the models after step 1 in epoch 1"), "\(message)")
        }
        let digests = try ThreadCommunicator.run(nodeOfRank: [0, 1]) {
            try run.train(over: $0, output: folder.path("whole")).digest
        }
        #expect(digests[0] == (try SmallRun().digestAlone()))
    }

    @Test(
        "Training gives the same bits with every instruction set that the CPU has",
        arguments: MatmulPrecision.allCases)
    func instructionSets(precision: MatmulPrecision) async {
        await #expect(processExitsWith: .success) { [precision] in
            func digest(_ set: InstructionSet) throws -> String {
                let folder = try TemporaryFolder()
                return try SmallRun(
                    matmulPrecision: precision, instructionSet: set,
                    // Narrow layers stay Float.
                    configure: {
                        if precision == .low || precision == .medium { $0.hiddenDimensions = [130, 128] }
                    }
                ).train(over: SingleProcessCommunicator(), output: folder.path("run")).digest
            }
            let expected = try digest(.best)
            for set in InstructionSet.available {
                guard try digest(set) == expected, InstructionSet.used == set else { exit(1) }
            }
        }
    }

    @Test(
        "A run that is resumed with another instruction set comes to the bits of one that was never interrupted"
    )
    func resumedElsewhere() async {
        await #expect(processExitsWith: .success) {
            let alone = try SmallRun().digestAlone()
            for set in InstructionSet.available {
                let folder = try TemporaryFolder()
                _ = try SmallRun(instructionSet: set).train(
                    over: SingleProcessCommunicator(), output: folder.path("run"), stopStep: 3)
                let observer = SmallRun.Observer()
                let outcome = try SmallRun(instructionSet: .best).train(
                    over: SingleProcessCommunicator(), output: folder.path("run"), resumes: true,
                    observer: observer)
                guard outcome.digest == alone, observer.notes.isEmpty else { exit(1) }
            }
        }
    }

    @Test("An instruction set that the CPU lacks is refused with those that it has")
    func missingInstructionSet() throws {
        let missing = try #require(InstructionSet.allCases.first { !InstructionSet.available.contains($0) })
        var options = RunOptions(programVersion: "")
        options.instructionSet = missing
        let error = #expect(throws: ConfigurationError.self) { try options.useInstructionSet() }
        #expect(error?.setting == "--instruction-set" && error?.found == missing.rawValue)
        #expect(error?.expected.contains("baseline") == true)
        #expect(error?.expected.hasSuffix(InstructionSet.best.rawValue) == true)
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
