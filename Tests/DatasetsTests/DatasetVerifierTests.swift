import ArchiveTestSupport
import Datasets
import Foundation
import Testing

@Suite struct DatasetVerifierTests {
    @Test func `A whole set of unofficial size has notes and no problems`() throws {
        let folder = try TemporaryFolder()
        try TestSet.writeBinary(folder)
        let dataset = try BinaryDirectory(path: folder.path)
        let report = DatasetVerifier.verify(dataset)
        #expect(report.problems.isEmpty)
        #expect(report.notes.contains("data_batch_2.bin has 1 records, the official file 10000"))
        #expect(report.parts.map(\.recordCount) == [4, 1, 7, 3, 5, 6])
        #expect(report.parts.map(\.byteCount) == [4, 1, 7, 3, 5, 6].map { $0 * 3073 })
        for split in DatasetSplit.allCases {
            var counts = [Int](repeating: 0, count: 10)
            for record in TestSet.records(split) { counts[Int(record.label)] += 1 }
            #expect(report.classCounts(of: split) == counts)
        }
        let sum = try DatasetSplit.allCases.reduce(UInt64(0)) { sum, split in
            sum &+ (try dataset.read(split, records: Array(0..<dataset.count(of: split))).fingerprint)
        }
        #expect(report.fingerprint == sum)
    }

    @Test func `A wrong label is a problem, and the other files are checked all the same`() throws {
        let folder = try TemporaryFolder()
        try TestSet.writeBinary(folder, below: "set")
        for index in [0, 5] {
            var bytes = TestSet.binaryFiles[index].bytes
            bytes[0] = 77
            try folder.write(bytes, "set/" + TestSet.binaryFiles[index].name)
        }
        let report = DatasetVerifier.verify(try BinaryDirectory(path: folder.path + "/set"))
        #expect(report.problems.count == 2)
        #expect(report.problems[0].contains("data_batch_1.bin") && report.problems[0].contains("77"))
        #expect(report.problems[1].contains("test_batch.bin"))
        #expect(report.parts.map { $0.classCounts == nil } == [true, false, false, false, false, true])
        #expect(report.fingerprint == nil)
    }

    @Test func `An archive that is not the official one has a note with its MD5`() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(TestSet.binaryArchive().gzipped(), "a.tar.gz")
        let report = DatasetVerifier.verify(try ArchiveDataset(path: path))
        let md5 = try FileChecksum.md5(of: path)
        #expect(report.problems.isEmpty && report.notes.contains { $0.contains(md5) })
    }

    @Test func `An MD5 is the known one`() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(Array("message digest".utf8), "a")
        #expect(try FileChecksum.md5(of: path) == "f96b697d7cb7938d525a2f31aaf161d0")
    }
}
