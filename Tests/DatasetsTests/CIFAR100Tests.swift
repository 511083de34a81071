import ArchiveTestSupport
import Datasets
import DurableFiles
import Foundation
import Testing

@Suite struct CIFAR100Tests {
    private static func coarse(_ record: Int) -> UInt8 { UInt8(record % 20) }
    private static func fine(_ record: Int) -> UInt8 { UInt8((37 * record + 99) % 100) }
    private static func pixels(_ record: Int) -> [UInt8] {
        (0..<3072).map { UInt8(truncatingIfNeeded: 5 * $0 + 41 * record) }
    }

    /// The bytes of a file of the binary version, whose records count on from `first`.
    private static func binary(_ records: Range<Int>) -> [UInt8] {
        records.flatMap { [coarse($0), fine($0)] + pixels($0) }
    }

    /// A pickle of the python version as Python 3 writes it in protocol 4, without what the reader does not need.
    private static func pickle(_ records: Range<Int>) -> [UInt8] {
        func short(_ text: String) -> [UInt8] { [0x8C, UInt8(text.utf8.count)] + Array(text.utf8) }
        func long(_ bytes: [UInt8]) -> [UInt8] {
            [0x42] + (0..<4).map { UInt8(truncatingIfNeeded: bytes.count >> (8 * $0)) } + bytes
        }
        func integer(_ value: Int) -> [UInt8] { [0x4D, UInt8(value & 255), UInt8(value >> 8)] }
        func list(_ values: [UInt8]) -> [UInt8] { [0x5D, 0x28] + values.flatMap { [0x4B, $0] } + [0x65] }
        let dtype = short("numpy") + short("dtype") + [0x93] + short("u1") + [0x85, 0x52]
        let array =
            short("numpy.core.numeric") + short("_frombuffer") + [0x93, 0x28] + long(records.flatMap(pixels))
            + dtype + integer(records.count) + integer(3072) + [0x86] + short("C") + [0x74, 0x52]
        return [0x80, 4, 0x7D, 0x28] + short("fine_labels") + list(records.map(fine)) + short("coarse_labels")
            + list(records.map(coarse)) + short("data") + array + [0x75, 0x2E]
    }

    private static func expectRecords(_ dataset: any ImageDataset) throws {
        #expect(dataset.format == .cifar100)
        #expect(dataset.count(of: .training) == 7 && dataset.count(of: .test) == 3)
        let training = try dataset.read(.training, records: [0, 2, 3, 6])
        #expect(training.labels == [0, 2, 3, 6].map(fine))
        #expect(training.pixels == [0, 2, 3, 6].flatMap(pixels))
        let test = try dataset.read(.test, records: [1])
        #expect(test.labels == [fine(101)] && test.pixels == pixels(101))
    }

    @Test func `There are a hundred classes of different names`() {
        #expect(Set(ImageFormat.cifar100.classNames).count == 100)
        #expect(ImageFormat.cifar100.classNames == ImageFormat.cifar100.classNames.sorted())
    }

    @Test func `Either version is found in its folder and its archive, with the fine labels`() throws {
        let folder = try TemporaryFolder()
        for (below, suffix, bytes) in [
            ("cifar-100-binary", ".bin", Self.binary), ("cifar-100-python", "", Self.pickle),
        ] {
            var tar = TarBuilder()
            for (name, records) in [("train", 0..<7), ("test", 100..<103)] {
                try folder.write(bytes(records), "folders/\(below)/\(below)/\(name)\(suffix)")
                tar.add("\(below)/\(name)\(suffix)", bytes(records))
            }
            try folder.write(tar.gzipped(), "archives/\(below)/\(below).tar.gz")
            for path in ["folders/\(below)", "folders/\(below)/\(below)", "archives/\(below)"] {
                let dataset = try #require(try DatasetLocator.open(folder.path + "/" + path))
                #expect(dataset.name.hasPrefix("CIFAR-100, "))
                try Self.expectRecords(dataset)
            }
            let archive = folder.path + "/archives/\(below)/\(below).tar.gz"
            try Self.expectRecords(try #require(try DatasetLocator.open(archive)))
            let unpacked = try ArchiveUnpacker.unpack(archive, into: folder.path + "/unpacked")
            #expect(unpacked.hasSuffix("/unpacked/" + below))
            try Self.expectRecords(try #require(try DatasetLocator.open(unpacked)))
        }
    }

    @Test func `A fine label of 100 is refused by file and record, a coarse one is not looked at`() throws {
        let folder = try TemporaryFolder()
        var bytes = Self.binary(0..<7)
        bytes[3074] = 200
        bytes[2 * 3074 + 1] = 100
        try folder.write(bytes, "cifar-100-binary/train.bin")
        try folder.write(Self.binary(0..<3), "cifar-100-binary/test.bin")
        let dataset = try BinaryDirectory(path: folder.path, set: .cifar100)
        #expect(try dataset.read(.training, records: [1]).labels == [Self.fine(1)])
        let error = try #require(message { _ = try dataset.read(.training, records: [2]) })
        #expect(error.contains("train.bin") && error.contains("record 2") && error.contains("from 0 to 99"))
    }

    @Test func `Where both sets are, CIFAR-10 is taken unless CIFAR-100 is asked for`() throws {
        let folder = try TemporaryFolder()
        try TestSet.writeBinary(folder)
        let kind = try #require(DatasetKind.all.first { $0.word == "cifar100" })
        #expect(try DatasetLocator.open(folder.path, kind) == nil)
        try folder.write(Self.binary(0..<7), "cifar-100-binary/train.bin")
        try folder.write(Self.binary(100..<103), "cifar-100-binary/test.bin")
        #expect(try DatasetLocator.open(folder.path)?.format == .cifar10)
        try Self.expectRecords(try #require(try DatasetLocator.open(folder.path, kind)))
    }

    @Test func `A file called test is no sign of the set`() throws {
        let folder = try TemporaryFolder()
        try folder.write([1], "data/test")
        #expect(try DatasetLocator.open(folder.path + "/data") == nil)
    }

    @Test func `What has the name of another set's file does not matter in an archive`() throws {
        let folder = try TemporaryFolder()
        var tar = TestSet.binaryArchive()
        for name in ["train.bin", "test", "test"] { tar.add(name, [1, 2, 3]) }
        let archive = try ArchiveDataset(path: try folder.write(tar.gzipped(), "a.tar.gz"))
        #expect(archive.format == .cifar10 && archive.count(of: .test) == TestSet.testCount)
    }

    @Test func `A pickle of the other set is told by name`() throws {
        #expect(
            message { _ = try PythonBatch.records(in: Self.pickle(0..<2), location: "file") }?
                .contains("a batch of CIFAR-100") == true)
        let other = try Fixture.bytes("python3-numpy2-protocol4")
        #expect(
            message { _ = try PythonBatch.records(in: other, location: "file", set: .cifar100) }?
                .contains("a batch of CIFAR-10") == true)
    }
}
