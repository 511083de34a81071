import ArchiveTestSupport
import Datasets
import Digests
import Foundation
import LoopbackSupport
import Synchronization
import Testing

@Suite struct DatasetDownloaderTests {
    /// An archive of about 64 KB that does not compress, so that it comes in several pieces.
    private static let archive = TestSet.binaryArchive().bytes
    private static let md5 = {
        var digest = Digest.md5()
        digest?.update(Array(archive))
        return digest?.hexadecimal ?? "no MD5 on this system"
    }()

    private static func downloader(
        _ url: String, _ folder: TemporaryFolder, md5: String = md5, retries: Int = 0
    ) throws -> DatasetDownloader {
        try DatasetDownloader(
            CIFARSet.cifar10.publication(.binary), folder: folder.path + "/data", url: url, md5: md5,
            retries: retries,
            timeout: 900
        )
    }

    private static func download(
        _ answers: [LoopbackServer.Answer], folder: TemporaryFolder, md5: String = md5, retries: Int = 0
    ) async throws -> (outcome: DatasetDownloader.Outcome, requests: [String]) {
        let server = try LoopbackServer(archive, answers: answers)
        defer { server.stop() }
        let outcome = try await downloader(server.base + "/cifar.tar.gz", folder, md5: md5, retries: retries)
            .download { _ in }
        return (outcome, server.requests)
    }

    private static func failure(
        _ answers: [LoopbackServer.Answer], folder: TemporaryFolder, md5: String = md5, retries: Int = 0
    ) async -> String? {
        do {
            _ = try await download(answers, folder: folder, md5: md5, retries: retries)
            return nil
        } catch {
            return "\(error)"
        }
    }

    private static func contents(_ folder: TemporaryFolder, _ name: String) -> [UInt8]? {
        (try? Data(contentsOf: URL(fileURLWithPath: folder.path + "/data/" + name))).map { [UInt8]($0) }
    }

    private static let name = "cifar-10-binary.tar.gz"

    @Test func `An archive is downloaded whole, and only once`() async throws {
        let folder = try TemporaryFolder()
        let first = try await Self.download([], folder: folder)
        #expect(first.outcome == .downloaded(resumedFrom: 0))
        #expect(Self.contents(folder, Self.name) == Self.archive)
        #expect(Self.contents(folder, Self.name + ".part") == nil)
        #expect(!first.requests[0].lowercased().contains("range:"))
        let second = try await Self.download([], folder: folder)
        #expect(second.outcome == .alreadyPresent && second.requests.isEmpty)
    }

    @Test func `Progress goes up to the whole`() async throws {
        let folder = try TemporaryFolder()
        let server = try LoopbackServer(Self.archive)
        defer { server.stop() }
        let seen = Mutex<[DownloadProgress]>([])
        _ = try await Self.downloader(server.base + "/cifar.tar.gz", folder).download { step in
            seen.withLock { $0.append(step) }
        }
        let steps = seen.withLock { $0 }
        #expect(steps.map(\.byteCount) == steps.map(\.byteCount).sorted())
        #expect(steps.allSatisfy { $0.totalByteCount == Self.archive.count && $0.bytesPerSecond > 0 })
        #expect(steps.last?.byteCount == Self.archive.count && steps.last?.secondsLeft == 0)
    }

    @Test func `What was broken off is kept and resumed in the next run`() async throws {
        let folder = try TemporaryFolder()
        let error = try #require(await Self.failure([.init(breaksAfter: 20_000)], folder: folder))
        #expect(
            error.contains("20000 bytes") && error.contains("resume") && !error.contains("\n"), "\(error)")
        #expect(Self.contents(folder, Self.name) == nil)
        #expect(Self.contents(folder, Self.name + ".part") == Array(Self.archive[..<20_000]))
        let second = try await Self.download([], folder: folder)
        #expect(second.outcome == .downloaded(resumedFrom: 20_000))
        #expect(second.requests[0].lowercased().contains("range: bytes=20000-"))
        #expect(Self.contents(folder, Self.name) == Self.archive)
    }

    @Test func `A broken connection is taken up again as long as bytes come`() async throws {
        let folder = try TemporaryFolder()
        let breaks = [
            LoopbackServer.Answer(breaksAfter: 10_000), .init(breaksAfter: 5_000), .init(breaksAfter: 1),
        ]
        let result = try await Self.download(breaks, folder: folder, retries: 3)
        #expect(result.outcome == .downloaded(resumedFrom: 0))
        let ranges = result.requests.map {
            $0.split(separator: "\r\n").first { $0.hasPrefix("Range: ") } ?? ""
        }
        #expect(ranges == ["", "Range: bytes=10000-", "Range: bytes=15000-", "Range: bytes=15001-"])
        #expect(Self.contents(folder, Self.name) == Self.archive)
        let other = try TemporaryFolder()
        let stuck = [LoopbackServer.Answer](repeating: .init(breaksAfter: 0), count: 9)
        #expect(await Self.failure(stuck, folder: other, retries: 3) != nil)
        #expect(try other.contents() == ["data"] && Self.contents(other, Self.name + ".part") == nil)
    }

    @Test func `A server that ignores the range starts it again`() async throws {
        let folder = try TemporaryFolder()
        try folder.write([UInt8](repeating: 9, count: 30_000), "data/\(Self.name).part")
        let result = try await Self.download([.init(heedsRange: false)], folder: folder)
        #expect(result.outcome == .downloaded(resumedFrom: 0))
        #expect(Self.contents(folder, Self.name) == Self.archive)
    }

    @Test func `A server that sends another range is refused, and what there was is kept`() async throws {
        let folder = try TemporaryFolder()
        let part = Array(Self.archive[..<100])
        try folder.write(part, "data/\(Self.name).part")
        let error = try #require(await Self.failure([.init(wrongStart: 7)], folder: folder))
        #expect(error.contains("the bytes from 100") && error.contains("bytes 7-"), "\(error)")
        #expect(Self.contents(folder, Self.name + ".part") == part)
    }

    @Test func `A partial file that is complete is only checked`() async throws {
        let folder = try TemporaryFolder()
        try folder.write(Self.archive, "data/\(Self.name).part")
        let result = try await Self.download([], folder: folder)
        #expect(result.outcome == .downloaded(resumedFrom: Self.archive.count))
        #expect(Self.contents(folder, Self.name) == Self.archive)
    }

    @Test(arguments: [404, 403, 500])
    func `A refusal is named and leaves nothing behind`(_ status: Int) async throws {
        let folder = try TemporaryFolder()
        let error = try #require(await Self.failure([.init(status: status)], folder: folder, retries: 3))
        #expect(error.contains("\(status)") && error.contains("127.0.0.1") && !error.contains("\n"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/data").isEmpty)
    }

    @Test func `A wrong checksum is an error and removes the partial file`() async throws {
        let folder = try TemporaryFolder()
        let wrong = String(repeating: "0", count: 32)
        let error = try #require(await Self.failure([], folder: folder, md5: wrong))
        #expect(error.contains(wrong) && error.contains(Self.md5))
        // The same where a resumed file had other bytes at its beginning.
        try folder.write([1, 2, 3], "data/\(Self.name).part")
        #expect(await Self.failure([], folder: folder)?.contains(Self.md5) == true)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/data").isEmpty)
    }

    @Test func `Without a length, an end that comes too early shows in the checksum`() async throws {
        let folder = try TemporaryFolder()
        let answer = LoopbackServer.Answer(breaksAfter: 20_000, saysLength: false)
        #expect(await Self.failure([answer], folder: folder)?.contains("MD5") == true)
        _ = try await Self.download([.init(saysLength: false)], folder: folder)
        #expect(Self.contents(folder, Self.name) == Self.archive)
    }

    @Test func `A server that is not there is an error`() async throws {
        let folder = try TemporaryFolder()
        let server = try LoopbackServer(Self.archive)
        let url = server.base + "/cifar.tar.gz"
        server.stop()
        await #expect(throws: DatasetError.self) { try await Self.downloader(url, folder).download { _ in } }
    }

    @Test func `Another file in the archive's place is left alone`() async throws {
        let folder = try TemporaryFolder()
        try folder.write([1, 2, 3], "data/" + Self.name)
        let error = try #require(await Self.failure([], folder: folder))
        #expect(error.contains("remove the file"))
        #expect(Self.contents(folder, Self.name) == [1, 2, 3])
    }

    @Test(arguments: ["ftp://host/file", "nonsense", "http://", ""])
    func `An address that is none is refused at once`(_ url: String) {
        #expect(throws: DatasetError.self) {
            try DatasetDownloader(CIFARSet.cifar10.publication(.binary), folder: "data", url: url)
        }
    }

    @Test(arguments: ["", "12", "c32a1d4ab5d03f1284b67883e8d8753z"])
    func `A checksum that is none is refused at once`(_ md5: String) {
        #expect(throws: DatasetError.self) {
            try DatasetDownloader(CIFARSet.cifar10.publication(.binary), folder: "data", md5: md5)
        }
    }

    @Test func `The official archives are the default`() throws {
        let python = try DatasetDownloader(CIFARSet.cifar10.publication(.python), folder: "data")
        #expect(python.url.absoluteString == "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz")
        #expect(python.md5 == "c58f30108f718f92721af3b95e74349a")
        #expect(python.archivePath == "data/cifar-10-python.tar.gz")
        let binary = try DatasetDownloader(CIFARSet.cifar10.publication(.binary), folder: "data")
        #expect(binary.url.absoluteString == "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz")
        #expect(binary.md5 == "c32a1d4ab5d03f1284b67883e8d87530")
    }
}
