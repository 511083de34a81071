internal import DurableFiles
public import Foundation

/// Downloads a published archive: resumes what was broken off, checks the MD5, and puts the archive in its
/// place once it is right.
public struct DatasetDownloader: Sendable {
    /// What a download came to.
    public enum Outcome: Sendable, Equatable {
        /// The archive was there already, and right.
        case alreadyPresent
        /// The archive was downloaded; the first `resumedFrom` bytes in an earlier run.
        case downloaded(resumedFrom: Int)
    }

    /// Where to download from.
    public let url: URL
    /// What the archive's MD5 must be, in hexadecimal.
    public let md5: String
    /// Where the archive goes.
    public let archivePath: String
    /// How often a broken connection is taken up again, each time after some bytes have come.
    public let retries: Int
    /// How long nothing may come before the connection counts as broken, in seconds.
    public let timeout: Double

    /// Where the bytes are kept until all have come.
    public var partialPath: String { archivePath + ".part" }

    /// Prepares a download; touches neither the network nor the disk.
    ///
    /// - Parameters:
    ///   - archive: Which archive.
    ///   - folder: The folder for it; made where there is none.
    ///   - url: Where to download from, `http` or `https`; nil for the official place.
    ///   - md5: The MD5 in hexadecimal; nil for that of the official archive.
    ///   - retries: How often a broken connection is taken up again.
    ///   - timeout: How long nothing may come, in seconds.
    /// - Throws: ``DatasetError`` where `url` or `md5` is not such.
    public init(
        _ archive: CIFARSet.Publication, folder: String, url: String? = nil, md5: String? = nil,
        retries: Int = 5, timeout: Double = 60
    ) throws {
        let address = url ?? archive.url
        guard let parsed = URL(string: address),
            ["http", "https"].contains(parsed.scheme?.lowercased() ?? ""),
            parsed.host?.isEmpty == false
        else {
            throw DatasetError(
                operation: "downloading from", location: address, expected: "an http or https address",
                found: "something else")
        }
        let digits = (md5 ?? archive.md5).lowercased()
        guard digits.utf8.count == 32, digits.allSatisfy({ $0.isASCII && $0.isHexDigit }) else {
            throw DatasetError(
                operation: "checking the download from", location: address,
                expected: "an MD5 of 32 hexadecimal digits",
                found: "\"\(digits)\"")
        }
        self.url = parsed
        self.md5 = digits
        archivePath = FileSystem.join(folder, archive.archive)
        self.retries = retries
        self.timeout = timeout
    }

    /// Downloads the archive, unless it is there and right.
    ///
    /// - Parameter progress: Called as bytes come, on any thread, one call at a time.
    /// - Throws: ``DatasetError`` where another archive is in the way, the server cannot be reached, refuses
    ///   or breaks off (what has come is kept, to be resumed), or the MD5 is wrong (what has come is removed); `FileError`
    ///   where the file cannot be written.
    public func download(progress: @escaping @Sendable (DownloadProgress) -> Void) async throws -> Outcome {
        if FileSystem.isFolder(archivePath) != nil {
            let found = try FileChecksum.md5(of: archivePath)
            if found == md5 { return .alreadyPresent }
            throw DatasetError(
                operation: "checking", location: archivePath, expected: "the MD5 \(md5)",
                found: "\(found); remove the file to download it again")
        }
        try Files.createFolder(Files.parent(of: archivePath))
        // To open a FIFO would wait for its reader.
        do throws(FileError) { try RegularFile.checkKind(at: partialPath) } catch {
            if !error.isNotFound { throw error }
        }
        let file = try AppendFile(path: partialPath, truncating: false)
        guard file.lock() else {
            throw DatasetError(
                operation: "downloading to", location: partialPath, expected: "no other download of it",
                found: "one that is under way")
        }
        let resumedFrom: Int
        do {
            resumedFrom = try await fill(file, progress)
        } catch {
            if file.size == 0 { try? Files.remove(partialPath) }
            throw error
        }
        try file.synchronize()
        let found = try FileChecksum.md5(of: partialPath)
        guard found == md5 else {
            try? Files.remove(partialPath)
            throw DatasetError(
                operation: "checking the download from", location: url.absoluteString,
                expected: "the MD5 \(md5)",
                found: "\(found) over \(file.size) bytes, which were removed")
        }
        try Files.rename(partialPath, to: archivePath)
        try Files.synchronizeFolder(Files.parent(of: archivePath))
        return .downloaded(resumedFrom: resumedFrom)
    }

    /// Fetches what is missing, and returns how much of an earlier run it could build on.
    private func fill(
        _ file: AppendFile, _ progress: @escaping @Sendable (DownloadProgress) -> Void
    ) async throws -> Int {
        var retriesLeft = retries
        let before = file.size
        var resumedFrom = before
        while true {
            let start = file.size
            do {
                let transfer = DownloadTransfer(url: url, file: file, start: start, progress: progress)
                if try await transfer.run(timeout: timeout) == .startedAgain { resumedFrom = 0 }
                return resumedFrom
            } catch let error as DownloadBreak {
                let size = file.size
                guard size > start, retriesLeft > 0 else {
                    throw DatasetError(
                        operation: "downloading from", location: url.absoluteString,
                        expected: error.expected,
                        found: error.reason
                            + (size > 0
                                ? " after \(size) bytes, which are kept: run the command again to resume"
                                : ""))
                }
                if error.hasStartedAgain { resumedFrom = 0 }
                retriesLeft -= 1
            }
        }
    }
}

/// How far a download has come.
public struct DownloadProgress: Sendable, Equatable {
    /// Bytes on disk, those of an earlier attempt included.
    public let byteCount: Int
    /// Bytes in all; nil where the server does not say.
    public let totalByteCount: Int?
    /// Bytes per second since this attempt began.
    public let bytesPerSecond: Double

    /// The time left at the present rate, in seconds; nil where it cannot be known.
    public var secondsLeft: Double? {
        guard let totalByteCount, bytesPerSecond > 0 else { return nil }
        return Double(max(0, totalByteCount - byteCount)) / bytesPerSecond
    }
}
