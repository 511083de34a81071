import ArchiveTestSupport
import Datasets
import Foundation
import Testing

@Suite struct DatasetLocatorTests {
    private static func locate(
        _ path: String? = nil, variable: String? = nil, in folder: TemporaryFolder
    ) throws -> any ImageDataset {
        try DatasetLocator.locate(
            path: path, environment: variable.map { ["DP_TRAIN_DATA": $0] } ?? [:],
            currentDirectory: folder.path,
            syntheticSeed: 9)
    }

    @Test func `Without anything said and without ./data the synthetic set is taken`() throws {
        let folder = try TemporaryFolder()
        let dataset = try Self.locate(in: folder)
        #expect(dataset.name == "synthetic set" && dataset.location == "built in, seed 9")
        try folder.write([1], "data/cifar-10-binary.tar.gz.part")
        #expect(try Self.locate(in: folder).name == "synthetic set")
        #expect(try Self.locate(variable: "", in: folder).name == "synthetic set")
    }

    @Test func `The flag comes before the variable, the variable before ./data`() throws {
        let folder = try TemporaryFolder()
        for name in ["flag", "variable", "data"] { try TestSet.writeBinary(folder, below: name) }
        #expect(try Self.locate("flag", variable: "variable", in: folder).location == folder.path + "/flag")
        #expect(try Self.locate(variable: "variable", in: folder).location == folder.path + "/variable")
        #expect(try Self.locate(in: folder).location == folder.path + "/data")
        #expect(try Self.locate("synthetic", variable: "variable", in: folder).name == "synthetic set")
        #expect(try Self.locate(variable: "synthetic", in: folder).name == "synthetic set")
    }

    @Test func `Either version and either archive is found, itself or in its folder`() throws {
        let folder = try TemporaryFolder()
        try TestSet.writeBinary(folder, below: "b/cifar-10-batches-bin")
        try Fixture.writeSet("python3-numpy2-protocol4", to: folder, below: "p/cifar-10-batches-py")
        try folder.write(TestSet.binaryArchive().gzipped(), "a/cifar-10-binary.tar.gz")
        var tar = TarBuilder()
        for batch in CIFARSet.cifar10.fileNames(.python) {
            tar.add(batch, try Fixture.bytes("python2-protocol2"))
        }
        try folder.write(tar.gzipped(), "q/cifar-10-python.tar.gz")
        let expected = [
            ("b", "CIFAR-10, binary version"), ("b/cifar-10-batches-bin", "CIFAR-10, binary version"),
            ("p", "CIFAR-10, python version"), ("p/cifar-10-batches-py/", "CIFAR-10, python version"),
            ("a", "CIFAR-10, binary archive"), ("a/cifar-10-binary.tar.gz", "CIFAR-10, binary archive"),
            ("q", "CIFAR-10, python archive"), ("q/cifar-10-python.tar.gz", "CIFAR-10, python archive"),
        ]
        for (path, name) in expected {
            #expect(try Self.locate(path, in: folder).name == name)
            #expect(try Self.locate(folder.path + "/" + path, in: folder).name == name)
        }
    }

    @Test func `A path that was asked for and has nothing is an error that says what was looked for`() throws
    {
        let folder = try TemporaryFolder()
        try folder.write([1], "empty/notes.txt")
        for path in ["empty", "nowhere"] {
            let flag = try #require(message { _ = try Self.locate(path, in: folder) })
            #expect(flag.contains(path) && flag.contains("cifar-10-batches-bin") && !flag.contains("\n"))
            let variable = try #require(message { _ = try Self.locate(variable: path, in: folder) })
            #expect(variable.contains("$DP_TRAIN_DATA"))
        }
    }

    @Test func `A damaged set is an error even in ./data`() throws {
        let folder = try TemporaryFolder()
        try folder.write(TestSet.binaryFiles[0].bytes, "data/cifar-10-batches-bin/data_batch_1.bin")
        let error = try #require(message { _ = try Self.locate(in: folder) })
        #expect(error.contains("data_batch_2.bin"))
    }

    @Test(arguments: ["data_batch_1.bin", "test_batch"])
    func `One file of a set is told from an archive`(_ name: String) throws {
        let folder = try TemporaryFolder()
        try folder.write(TestSet.binaryFiles[0].bytes, name)
        let error = try #require(message { _ = try Self.locate(name, in: folder) })
        #expect(error.contains("the folder that holds all its files"))
    }
}
