import DurableFiles
import FileTestSupport
import Foundation
import Testing

@Suite struct RegularFileTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func message(_ path: String) -> String? {
        do throws(FileError) {
            _ = try Files.read(path)
            return nil
        } catch {
            return error.description
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `What is no regular file is named and never waited for`() throws {
        let fifo = folder.path("fifo")
        try #require(mkfifo(fifo, 0o600) == 0)
        try FileManager.default.createSymbolicLink(
            atPath: folder.path("link"), withDestinationPath: fifo)
        for path in [fifo, folder.path("link")] {
            #expect(message(path) == "cannot read \(path): expected a regular file, found a FIFO")
        }
        #expect(message(folder.path)?.hasSuffix("expected a regular file, found a folder") == true)
        #expect(message("/dev/zero")?.hasSuffix("expected a regular file, found a device") == true)
    }

    @Test func `A file is read at any offset, and through a link`() throws {
        try folder.put("file", Data("0123456789".utf8))
        try FileManager.default.createSymbolicLink(
            atPath: folder.path("link"), withDestinationPath: folder.path("file"))
        let file = try RegularFile(folder.path("link"))
        #expect(file.size == 10)
        var bytes = [UInt8](repeating: 0, count: 4)
        for (offset, count) in [(0, 4), (8, 2), (10, 0), (99, 0)] {
            let read = try bytes.withUnsafeMutableBytes { try file.read(at: offset, into: $0) }
            #expect(read == count)
        }
    }

    @Test func `A file larger than the limit is refused, however little of it is on the disk`() throws {
        try folder.put("file", Data("0123456789".utf8))
        #expect(try Files.read(folder.path("file"), limit: 10).count == 10)
        let error = #expect(throws: FileError.self) { try Files.read(folder.path("file"), limit: 9) }
        #expect(error?.code == EFBIG)
        let handle = try FileHandle(forWritingTo: URL(filePath: folder.path("file")))
        try handle.truncate(atOffset: 1 << 42)
        #expect(throws: FileError.self) { try Files.read(folder.path("file")) }
    }

    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/proc/self/status"), "needs /proc"))
    func `A file that states no size is read to its end`() throws {
        #expect(try Files.read("/proc/self/status").count > 100)
    }
}
