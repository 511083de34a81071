import Datasets
import Digests
import Foundation
import Testing

@Suite struct BinaryDirectoryTests {
    @Test func `All records come in the files' order with their labels and pixels`() throws {
        let folder = try TemporaryFolder()
        try TestSet.writeBinary(folder)
        let dataset = try BinaryDirectory(path: folder.path + "/cifar-10-batches-bin")
        for split in DatasetSplit.allCases {
            let expected = TestSet.records(split)
            #expect(dataset.count(of: split) == expected.count)
            let records = try dataset.read(split, records: Array(expected.indices))
            #expect(records.labels == expected.map(\.label))
            #expect(records.pixels == expected.flatMap(\.pixels))
        }
    }

    @Test(arguments: [[], [0], [3, 4], [0, 1, 2, 3, 4, 5], [2, 5, 6, 11, 12, 19], [19]])
    func `Only the records asked for are read, across files`(_ wanted: [Int]) throws {
        let folder = try TemporaryFolder()
        try TestSet.writeBinary(folder)
        // The folder above is as good.
        let dataset = try BinaryDirectory(path: folder.path)
        let all = TestSet.records(.training)
        let records = try dataset.read(.training, records: wanted)
        #expect(records.labels == wanted.map { all[$0].label })
        #expect(records.pixels == wanted.flatMap { all[$0].pixels })
    }

    @Test func `A fingerprint is the sum of its definition over the records`() throws {
        let folder = try TemporaryFolder()
        try TestSet.writeBinary(folder)
        let dataset = try BinaryDirectory(path: folder.path)
        for split in DatasetSplit.allCases {
            let all = TestSet.records(split)
            func expected(_ records: [Int]) -> UInt64 {
                records.reduce(0) { sum, record in
                    var bytes = Array(split.rawValue.utf8)
                    bytes += (0..<8).map { UInt8(truncatingIfNeeded: record >> (8 * $0)) }
                    bytes += [all[record].label] + all[record].pixels
                    var digest = Digest.sha256()
                    digest.update(bytes)
                    let start = digest.bytes
                    return sum &+ (0..<8).reduce(UInt64(0)) { $0 | UInt64(start[$1]) << UInt64(8 * $1) }
                }
            }
            let even = all.indices.filter { $0.isMultiple(of: 2) }
            let odd = all.indices.filter { !$0.isMultiple(of: 2) }
            let parts = try [even, odd].map { try dataset.read(split, records: $0).fingerprint }
            #expect(parts == [expected(even), expected(odd)])
            #expect(
                try dataset.read(split, records: Array(all.indices)).fingerprint == parts[0] &+ parts[1])
        }
    }

    @Test(arguments: [[1, 1], [2, 1], [-1], [20], [0, 20]])
    func `Indices that are not ascending, distinct and in range are refused`(_ wanted: [Int]) throws {
        let folder = try TemporaryFolder()
        try TestSet.writeBinary(folder)
        let dataset = try BinaryDirectory(path: folder.path)
        #expect(throws: DatasetError.self) { try dataset.read(.training, records: wanted) }
    }

    @Test func `A missing, an empty and a cut file are each named with what was expected`() throws {
        let folder = try TemporaryFolder()
        try TestSet.writeBinary(folder, below: "set")
        let path = folder.path + "/set"
        try folder.write([UInt8](repeating: 1, count: 3073 * 2 + 100), "set/data_batch_4.bin")
        let cut = try #require(message { _ = try BinaryDirectory(path: path) })
        #expect(cut.contains("set/data_batch_4.bin") && cut.contains("6246 bytes") && cut.contains("3073"))
        try folder.write([], "set/data_batch_4.bin")
        let empty = try #require(message { _ = try BinaryDirectory(path: path) })
        #expect(empty.contains("data_batch_4.bin") && empty.contains("an empty file"))
        try FileManager.default.removeItem(atPath: path + "/data_batch_4.bin")
        let missing = try #require(message { _ = try BinaryDirectory(path: path) })
        #expect(missing.contains("data_batch_4.bin") && missing.contains("nothing of that name"))
        try FileManager.default.createDirectory(
            atPath: path + "/data_batch_4.bin", withIntermediateDirectories: false)
        let directory = try #require(message { _ = try BinaryDirectory(path: path) })
        #expect(directory.contains("a folder"))
        #expect([cut, empty, missing, directory].allSatisfy { !$0.contains("\n") })
    }

    @Test func `A label of 10 is named with its file and record when it is read, not before`() throws {
        let folder = try TemporaryFolder()
        try TestSet.writeBinary(folder, below: "set")
        var bytes = TestSet.binaryFiles[2].bytes
        bytes[2 * 3073] = 10
        try folder.write(bytes, "set/data_batch_3.bin")
        let dataset = try BinaryDirectory(path: folder.path + "/set")
        _ = try dataset.read(.training, records: [0, 6, 8])
        let error = try #require(message { _ = try dataset.read(.training, records: [0, 7]) })
        #expect(
            error.contains("record 2") && error.contains("data_batch_3.bin") && error.contains("found 10"))
    }

    @Test func `A file that changed its size since it was opened is refused`() throws {
        let folder = try TemporaryFolder()
        try TestSet.writeBinary(folder, below: "set")
        let dataset = try BinaryDirectory(path: folder.path + "/set")
        try folder.write([UInt8](repeating: 1, count: 3073), "set/data_batch_1.bin")
        let error = try #require(message { _ = try dataset.read(.training, records: [0]) })
        #expect(error.contains("data_batch_1.bin") && error.contains("as when"))
    }
}
