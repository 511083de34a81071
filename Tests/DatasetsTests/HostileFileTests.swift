import ArchiveTestSupport
import Datasets
import DurableFiles
import Foundation
import LoopbackSupport
import Testing

/// Files that would fill memory, or that never end.
@Suite struct HostileFileTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test(arguments: [[0x94], [0x28], [0x29, 0x94], [0x68, 0x00]])
    func `A pickle may hold as much as the records that it has room for need`(opcodes: [UInt8]) throws {
        // PROTO 4, None, remembered; then a million of MEMOIZE, MARK, EMPTY_TUPLE with MEMOIZE, or GET.
        let repeated = Array(repeatElement(opcodes, count: 1_000_000).joined())
        let bytes = [0x80, 4, 0x4E, 0x94] + repeated + [0x2E]
        let text = message { _ = try PythonBatch.records(in: bytes, location: "file") }
        #expect(
            text?.contains("values in a file of \(bytes.count) bytes, found more") == true, "\(text ?? "")")
    }

    @Test(.timeLimit(.minutes(1)))
    func `A FIFO in place of a file is refused by name`() throws {
        try TestSet.writeBinary(folder)
        let set = folder.path + "/cifar-10-batches-bin"
        let fifo = set + "/data_batch_3.bin"
        try FileManager.default.removeItem(atPath: fifo)
        try #require(mkfifo(fifo, 0o600) == 0)
        let archive = folder.path + "/cifar-10-binary.tar.gz"
        try #require(mkfifo(archive, 0o600) == 0)
        let expected = "expected a regular file, found a FIFO"
        #expect(message { _ = try BinaryDirectory(path: set) } == "opening \(fifo): \(expected)")
        #expect(message { _ = try DatasetLocator.open(archive) } == "opening \(archive): \(expected)")
        #expect(message { _ = try FileChecksum.md5(of: archive) } == "opening \(archive): \(expected)")
        #expect(
            message { _ = try DatasetLocator.open("/dev/zero") }
                == "opening /dev/zero: expected a regular file, found a device")
    }

    @Test(.timeLimit(.minutes(1)))
    func `A FIFO where a download gathers is refused by name`() async throws {
        let server = try LoopbackServer([1, 2, 3])
        defer { server.stop() }
        let downloader = try DatasetDownloader(
            CIFARSet.cifar10.publication(.binary), folder: folder.path, url: server.base + "/x",
            md5: String(repeating: "0", count: 32))
        try #require(mkfifo(downloader.partialPath, 0o600) == 0)
        let error = await #expect(throws: FileError.self) { try await downloader.download { _ in } }
        #expect(error?.found == "a FIFO")
    }

    @Test(.timeLimit(.minutes(5)))
    func `An archive that unpacks to far more than it is long is refused before it has all been unpacked`()
        throws
    {
        // Members of 16 MiB of zeroes: 4 GiB in all, of which a quarter is looked at.
        let member = gzip([UInt8](repeating: 0, count: 1 << 24), level: 9)
        var archive = Data()
        for _ in 0..<256 { archive.append(contentsOf: member) }
        let path = folder.path + "/cifar-10-binary.tar.gz"
        try archive.write(to: URL(filePath: path))
        try #require(archive.count < (1 << 30) / 100)
        let error = #expect(throws: DatasetError.self) { _ = try DatasetLocator.open(path) }
        #expect(error?.found == "more", "\(String(describing: error))")
    }

    @Test func `A file with more records than any set is refused, however little of it is on the disk`()
        throws
    {
        try TestSet.writeBinary(folder)
        let set = folder.path + "/cifar-10-batches-bin"
        let handle = try FileHandle(forWritingTo: URL(filePath: set + "/data_batch_2.bin"))
        try handle.truncate(atOffset: 3073 * 1_000_000_000)
        let text = message { _ = try BinaryDirectory(path: set) }
        #expect(
            text?.contains("data_batch_2.bin: expected at most 10000000 records") == true, "\(text ?? "")")
    }
}
