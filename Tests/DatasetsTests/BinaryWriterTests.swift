import Datasets
import DurableFiles
import Foundation
import Testing

@Suite struct BinaryWriterTests {
    @Test func `What was written reads the same`() throws {
        let folder = try TemporaryFolder()
        let dataset = SyntheticDataset(seed: 4, trainingCount: 777, testCount: 33)
        let path = folder.path + "/some/where"
        try BinaryWriter.write(dataset, to: path, classNames: SyntheticDataset.classNames)
        let written = try BinaryDirectory(path: path)
        for split in DatasetSplit.allCases {
            let all = Array(0..<dataset.count(of: split))
            #expect(try written.read(split, records: all) == (try dataset.read(split, records: all)))
        }
        let meta = try String(contentsOfFile: path + "/batches.meta.txt", encoding: .utf8)
        #expect(meta.split(separator: "\n").map(String.init) == SyntheticDataset.classNames)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/some") == ["where"])
    }

    @Test func `An empty folder is taken, one in use and a file are refused and left alone`() throws {
        let folder = try TemporaryFolder()
        let dataset = SyntheticDataset(seed: 4, trainingCount: 5, testCount: 1)
        try FileManager.default.createDirectory(
            atPath: folder.path + "/empty", withIntermediateDirectories: false)
        try BinaryWriter.write(dataset, to: folder.path + "/empty", classNames: [])
        #expect(try BinaryDirectory(path: folder.path + "/empty").count(of: .training) == 5)
        try folder.write([1, 2], "used/notes.txt")
        try folder.write([1, 2], "file")
        for name in ["used", "file"] {
            #expect(throws: FileError.self) {
                try BinaryWriter.write(dataset, to: folder.path + "/" + name, classNames: [])
            }
        }
        #expect(try folder.contents() == ["empty", "file", "used"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/used") == ["notes.txt"])
    }

    @Test func `Too few records for the files are refused`() throws {
        let folder = try TemporaryFolder()
        let dataset = SyntheticDataset(seed: 4, trainingCount: 4, testCount: 1)
        let error = message { try BinaryWriter.write(dataset, to: folder.path + "/set", classNames: []) }
        #expect(error?.contains("at least 5 training records") == true)
        #expect(try folder.contents().isEmpty)
    }
}
