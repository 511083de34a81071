import Collectives
import CollectivesTesting
import Datasets
import FileTestSupport
import Preflight
import Testing
import Training

/// Ranks that look at themselves; here threads, on hosts that they pretend to be.
@Suite struct ExaminationTests {
    /// What each rank finds, where rank r opens `datasets[r]`; nil fails.
    private func findings(_ datasets: [SyntheticDataset?], output: String) throws -> [Diagnosis] {
        try ThreadCommunicator.run(nodeOfRank: Array(datasets.indices)) { communicator in
            var configuration = TrainingConfiguration()
            (configuration.hiddenDimensions, configuration.batchSize) = ([8], 32)
            configuration.validationSize = 10
            var options = RunOptions(programVersion: "test")
            (options.threads, options.output) = (1, output)
            return try Examination(communicator, configuration: configuration, options: options) {
                guard let dataset = datasets[communicator.rank] else {
                    throw DatasetError(
                        operation: "looking for a data set at", location: "/nowhere", expected: "one",
                        found: "nothing")
                }
                return dataset
            }.run()
        }
    }

    private static func data(seed: UInt64 = 1, training: Int = 80) -> SyntheticDataset {
        SyntheticDataset(seed: seed, trainingCount: training, testCount: 10)
    }

    /// What a machine cannot be blamed for.
    private static let ofRanks: Set<Diagnosis.Subject> = [
        .program, .data, .clock, .arithmetic, .output, .locks,
    ]

    @Test("Ranks that have the same say the same, find nothing wrong with it, and leave nothing behind")
    func sound() throws {
        let folder = try TemporaryFolder()
        let all = try findings([Self.data(), Self.data(), Self.data()], output: folder.path("run"))
        #expect(all[1] == all[0] && all[2] == all[0])
        #expect(all[0].findings.filter { Self.ofRanks.contains($0.subject) }.isEmpty, "\(all[0].findings)")
        #expect(all[0].facts.map(\.name).contains("data"))
        #expect(try folder.names() == [])
    }

    @Test(
        "Other data on one rank, or none, is found and named on all ranks alike",
        arguments: [
            (data(training: 90), "90 + 10 records"), (data(seed: 2), "seed 2"), (nil, "/nowhere"),
        ] as [(SyntheticDataset?, String)])
    func otherData(second: SyntheticDataset?, name: String) throws {
        for datasets in [[Self.data(), second], [second, Self.data()]] {
            let folder = try TemporaryFolder()
            let all = try findings(datasets, output: folder.path("run"))
            let rank = datasets[0] == nil ? 0 : 1
            #expect(all[1] == all[0])
            let found = all[0].findings.filter { $0.subject == .data }
            #expect(found.count == 1 && found.first?.found.contains(name) == true, "\(all[0].findings)")
            if second == nil {
                #expect(found.first?.found.contains("rank \(rank) (host node-\(rank))") == true, "\(found)")
            }
        }
    }

    @Test("Settings that cannot be used are an error, not a finding")
    func settings() throws {
        #expect(throws: (any Error).self) {
            _ = try ThreadCommunicator.run(size: 2) { communicator in
                var configuration = TrainingConfiguration()
                configuration.logicalShards = 1
                return try Examination(
                    communicator, configuration: configuration, options: .defaults,
                    openDataset: { Self.data() }
                ).run()
            }
        }
    }
}
