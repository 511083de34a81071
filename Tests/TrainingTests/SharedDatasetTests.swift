import CollectivesTesting
import Collectives
import Datasets
import FileTestSupport
import Testing
import Training

/// Ranks that open their data sets, and whether these are the same.
@Suite struct SharedDatasetTests {
    private func open(_ sets: [SyntheticDataset], nodeOfRank: [Int]) throws -> [String] {
        try ThreadCommunicator.run(nodeOfRank: nodeOfRank) { communicator in
            try SharedDataset.open(over: communicator) { sets[communicator.rank] }.location
        }
    }

    @Test("The same set on all ranks is taken")
    func same() throws {
        let set = SyntheticDataset(seed: 3, trainingCount: 50, testCount: 20)
        #expect(
            try open([set, set, set], nodeOfRank: [0, 0, 1]) == Array(repeating: set.location, count: 3))
    }

    @Test(
        "Sets of other counts or content are refused on all ranks, with both and who has them",
        arguments: [
            SyntheticDataset(seed: 3, trainingCount: 51, testCount: 20),
            SyntheticDataset(seed: 3, trainingCount: 50, testCount: 21),
            SyntheticDataset(seed: 4, trainingCount: 50, testCount: 20),
        ])
    func other(other: SyntheticDataset) throws {
        let set = SyntheticDataset(seed: 3, trainingCount: 50, testCount: 20)
        let errors = try ThreadCommunicator.run(nodeOfRank: [0, 0, 1, 1]) { communicator in
            #expect(throws: SharedDataset.Mismatch.self) {
                try SharedDataset.open(over: communicator) { communicator.rank < 2 ? set : other }
            }
        }
        #expect(errors.map { $0?.shouldReport } == [true, false, false, false])
        for error in errors {
            let text = error?.description ?? ""
            #expect(text.hasPrefix("--data: expected the same data set on all ranks, found synthetic set ("))
            #expect(
                text.contains("50 + 20 records") && text.contains("on ranks 0-1 (host node-0)"), "\(text)")
            #expect(text.contains(other.location) && text.contains("on ranks 2-3 (host node-1)"), "\(text)")
        }
    }

    @Test("The same images in another form are another set; written out twice they are the same")
    func forms() throws {
        let folder = try TemporaryFolder()
        let set = SyntheticDataset(seed: 3, trainingCount: 50, testCount: 20)
        for name in ["a", "b"] {
            try BinaryWriter.write(set, to: folder.path(name), classNames: SyntheticDataset.classNames)
        }
        let (a, b) = (
            try BinaryDirectory(path: folder.path("a")), try BinaryDirectory(path: folder.path("b"))
        )
        let places = try ThreadCommunicator.run(size: 2) { communicator in
            try SharedDataset.open(over: communicator) { communicator.rank == 0 ? a : b }.location
        }
        #expect(Set(places).count == 2)
        #expect(throws: SharedDataset.Mismatch.self) {
            _ = try ThreadCommunicator.run(size: 2) { communicator in
                try SharedDataset.open(over: communicator) {
                    communicator.rank == 0 ? a as any ImageDataset : set
                }.location
            }
        }
    }

    @Test("A rank that cannot open its own makes all fail with its reason and host")
    func failure() throws {
        let set = SyntheticDataset(seed: 3, trainingCount: 50, testCount: 20)
        let errors = try ThreadCommunicator.run(size: 3) { communicator in
            #expect(throws: (any Error).self) {
                try SharedDataset.open(over: communicator) {
                    guard communicator.rank != 1 else {
                        throw DatasetError(
                            operation: "opening", location: "/b", expected: "a file", found: "nothing")
                    }
                    return set
                }
            }.map { "\($0)" }
        }
        for text in errors {
            #expect(text?.contains("rank 1") == true && text?.contains("/b") == true, "\(text ?? "")")
            #expect(text?.contains("on host node-0") == true, "\(text ?? "")")
        }
    }
}
