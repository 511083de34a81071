import ArchiveTestSupport
import Datasets
import DurableFiles
import Foundation
import Testing

@Suite struct ArchiveTests {
    private static func expectSame(_ archive: ArchiveDataset, _ directory: some ImageDataset) throws {
        for split in DatasetSplit.allCases {
            let count = directory.count(of: split)
            #expect(archive.count(of: split) == count)
            for wanted in [Array(0..<count), [count - 1], (0..<count).filter { $0 % 3 != 1 }, []] {
                #expect(
                    try archive.read(split, records: wanted) == (try directory.read(split, records: wanted)))
            }
        }
    }

    @Test func `The binary archive has the records of the binary version`() throws {
        let folder = try TemporaryFolder()
        try TestSet.writeBinary(folder)
        let path = try folder.write(TestSet.binaryArchive().gzipped(), "cifar-10-binary.tar.gz")
        let archive = try ArchiveDataset(path: path)
        #expect(archive.name == "CIFAR-10, binary archive")
        try Self.expectSame(archive, try BinaryDirectory(path: folder.path))
    }

    @Test func `The python archive has the records of the python version`() throws {
        let folder = try TemporaryFolder()
        try Fixture.writeSet("python2-protocol2", to: folder, below: "set")
        var tar = TarBuilder()
        for batch in CIFARSet.cifar10.fileNames(.python) {
            tar.add("cifar-10-batches-py/" + batch, try Fixture.bytes("python2-protocol2"))
        }
        let archive = try ArchiveDataset(path: try folder.write(tar.gzipped(), "any.tar.gz"))
        #expect(archive.name == "CIFAR-10, python archive")
        try Self.expectSame(archive, try PythonDirectory(path: folder.path + "/set"))
    }

    @Test func `Order, long names and other members do not matter`() throws {
        let folder = try TemporaryFolder()
        try TestSet.writeBinary(folder)
        let long = String(repeating: "deep/", count: 40)
        var tar = TarBuilder()
        tar.add("pax_global", Array("20 comment=whatever\n".utf8), type: "g")
        for (index, file) in TestSet.binaryFiles.reversed().enumerated() {
            tar.add("._" + file.name, [1, 2, 3])
            switch index {
            case 0:
                tar.add("././@LongLink", Array((long + file.name + "\0").utf8), type: "L")
                tar.add("cut/short", file.bytes)
            case 1:
                tar.addPaxPath(long + file.name)
                tar.add("cut/short", file.bytes)
            case 2: tar.add(file.name, file.bytes, prefix: "a/prefix")
            default: tar.add("./" + file.name, file.bytes)
            }
            tar.add("link", [], type: "2")
        }
        let path = try folder.write(tar.gzipped(), "a.tar.gz")
        try Self.expectSame(try ArchiveDataset(path: path), try BinaryDirectory(path: folder.path))
    }

    @Test func `A gzip file in several parts is one`() throws {
        let folder = try TemporaryFolder()
        try TestSet.writeBinary(folder)
        let bytes = TestSet.binaryArchive().bytes + [UInt8](repeating: 0, count: 1024)
        let cut = 10_000
        let path = try folder.write(gzip(Array(bytes[..<cut])) + gzip(Array(bytes[cut...])), "a.tar.gz")
        try Self.expectSame(try ArchiveDataset(path: path), try BinaryDirectory(path: folder.path))
    }

    @Test(arguments: [
        ([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A], "a PNG image"), ([], "an empty file"),
        (Array("PK\u{3}\u{4}....".utf8), "a ZIP archive"), (Array("<html><body>".utf8), "a web page"),
        ([1, 2, 3, 4, 5], "1 2 3 4"), (gzip(Array(repeating: 65, count: 2000)), "no tar archive"),
        (gzip([]), "no data_batch_1.bin"), (TarBuilder().gzipped(), "no data_batch_1.bin"),
    ])
    func `What is no archive of CIFAR-10 is refused with what it is`(_ bytes: [UInt8], _ words: String) throws
    {
        let folder = try TemporaryFolder()
        let path = try folder.write(bytes, "cifar-10-binary.tar.gz")
        let error = try #require(message { _ = try ArchiveDataset(path: path) })
        #expect(error.contains(words) && error.contains(path) && !error.contains("\n"), "\(error)")
    }

    @Test func `An archive that lacks a file, has one twice or one that is cut is refused`() throws {
        let folder = try TemporaryFolder()
        func refusal(_ files: [(name: String, bytes: [UInt8])]) throws -> String {
            var tar = TarBuilder()
            for file in files { tar.add(file.name, file.bytes) }
            let path = try folder.write(tar.gzipped(), "a.tar.gz")
            return try #require(message { _ = try ArchiveDataset(path: path) })
        }
        let files = TestSet.binaryFiles
        #expect(try refusal(Array(files.dropLast())).contains("no test_batch.bin"))
        #expect(try refusal(files + [files[1]]).contains("data_batch_2.bin twice"))
        #expect(
            try refusal([(files[0].name, Array(files[0].bytes.dropLast()))]).contains("(data_batch_1.bin)"))
    }

    @Test func `A file cut short anywhere is refused`() throws {
        let folder = try TemporaryFolder()
        let bytes = TestSet.binaryArchive().gzipped()
        for count in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 150)) + [bytes.count - 1] {
            let path = try folder.write(Array(bytes[..<count]), "a.tar.gz")
            #expect(throws: DatasetError.self) { try ArchiveDataset(path: path) }
        }
    }

    @Test func `A damaged file is refused, or its records are right`() throws {
        let folder = try TemporaryFolder()
        let bytes = TestSet.binaryArchive().gzipped()
        let all = TestSet.records(.training)
        var refused = 0
        for place in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 150)) {
            var damaged = bytes
            damaged[place] ^= 0x10
            let path = try folder.write(damaged, "a.tar.gz")
            do {
                let records = try ArchiveDataset(path: path).read(.training, records: Array(all.indices))
                #expect(records.pixels == all.flatMap(\.pixels))
            } catch {
                #expect(error is DatasetError)
                refused += 1
            }
        }
        #expect(refused > 130)
    }

    @Test func `Damage to the tar archive within is refused, or gives valid records`() throws {
        let folder = try TemporaryFolder()
        var tar = TarBuilder()
        tar.addPaxPath("some/name")
        tar.add("x", [1])
        let bytes = tar.bytes + TestSet.binaryArchive().bytes
        for place in (0..<2600).filter({ $0 % 13 == 0 }) {
            for change: UInt8 in [1, 0x80, 0x30] {
                var damaged = bytes
                damaged[place] ^= change
                let path = try folder.write(gzip(damaged), "a.tar.gz")
                let error = message { _ = try ArchiveDataset(path: path).read(.test, records: [0]) }
                if let error { #expect(!error.contains("\n")) }
            }
        }
    }

    @Test func `Unpacking gives the files of the set and nothing else`() throws {
        let folder = try TemporaryFolder()
        var tar = TestSet.binaryArchive()
        tar.add("../../escape.txt", [1])
        tar.add("/tmp/../../data_batch_9.bin", [1])
        let path = try folder.write(tar.gzipped(), "a.tar.gz")
        let unpacked = try ArchiveUnpacker.unpack(path, into: folder.path)
        #expect(unpacked == folder.path + "/cifar-10-batches-bin")
        let names = try FileManager.default.contentsOfDirectory(atPath: unpacked).sorted()
        #expect(names == ["batches.meta.txt"] + TestSet.binaryFiles.map(\.name).sorted())
        #expect(try folder.contents() == ["a.tar.gz", "cifar-10-batches-bin"])
        try Self.expectSame(try ArchiveDataset(path: path), try BinaryDirectory(path: unpacked))
        // A second time the folder is in use.
        #expect(throws: FileError.self) { try ArchiveUnpacker.unpack(path, into: folder.path) }
        #expect(try folder.contents() == ["a.tar.gz", "cifar-10-batches-bin"])
    }

    @Test(.enabled(if: SharedData.archive != nil, "needs the CIFAR-10 archive in the test data"))
    func `The archive of all 60,000 images can be read`() throws {
        let path = try #require(SharedData.archive)
        let archive = try ArchiveDataset(path: path)
        #expect(archive.count(of: .training) == 50_000 && archive.count(of: .test) == 10_000)
        // The first labels as the official page shows them: frog, truck, truck, deer, automobile.
        #expect(try archive.read(.training, records: Array(0..<5)).labels == [6, 9, 9, 4, 1])
        #expect(try archive.read(.test, records: [0, 1, 2, 3]).labels == [3, 8, 8, 0])
    }
}
