internal import DurableFiles
internal import Foundation

#if canImport(FoundationNetworking)
internal import FoundationNetworking
#endif

/// One request for a file, or for the rest of it, written to disk as it comes.
///
/// The session calls it back on one queue, one call at a time, and `run` begins before the first and ends
/// after the last of them: hence `@unchecked Sendable` without a lock.
final class DownloadTransfer: NSObject, URLSessionDataDelegate, @unchecked Sendable {
    enum Result {
        /// All of it, or the rest of it, has come.
        case complete
        /// The server has sent all of it where the rest was asked for.
        case startedAgain
    }

    private let url: URL
    /// Until the transfer has ended: the network session may hold on to its delegate for a while, and a file to its lock.
    private var file: AppendFile?
    private let start: Int
    private let progress: @Sendable (DownloadProgress) -> Void

    private var continuation: CheckedContinuation<Result, any Error>?
    private var failure: (any Error)?
    private var result = Result.complete
    private var size: Int
    private var total: Int?
    private var isComplete = false
    private let began = ContinuousClock.now

    /// - Parameter start: The number of bytes that `file` has.
    init(url: URL, file: AppendFile, start: Int, progress: @escaping @Sendable (DownloadProgress) -> Void) {
        self.url = url
        self.file = file
        self.start = start
        self.progress = progress
        size = start
    }

    /// Sends the request and waits for the end.
    ///
    /// - Throws: `DownloadBreak` where the connection failed or broke; `DatasetError` where the server
    ///   refuses or the disk does not take it.
    func run(timeout: Double) async throws -> Result {
        let configuration = URLSessionConfiguration.ephemeral
        configuration.timeoutIntervalForRequest = timeout
        let queue = OperationQueue()
        queue.maxConcurrentOperationCount = 1
        let session = URLSession(configuration: configuration, delegate: self, delegateQueue: queue)
        defer { session.finishTasksAndInvalidate() }
        var request = URLRequest(url: url)
        request.cachePolicy = .reloadIgnoringLocalCacheData
        // The bytes as they are: an archive is compressed already, and the range counts bytes of the archive.
        request.setValue("identity", forHTTPHeaderField: "Accept-Encoding")
        if start > 0 { request.setValue("bytes=\(start)-", forHTTPHeaderField: "Range") }
        let task = session.dataTask(with: request)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                queue.addOperation {
                    self.continuation = continuation
                    task.resume()
                }
            }
        } onCancel: {
            task.cancel()
        }
    }

    func urlSession(
        _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
        completionHandler: @escaping (URLSession.ResponseDisposition) -> Void
    ) {
        do {
            completionHandler(try accept(response) ? .allow : .cancel)
        } catch {
            failure = error
            completionHandler(.cancel)
        }
    }

    /// Decides what to do with an answer; false where there is nothing more to receive.
    private func accept(_ response: URLResponse) throws -> Bool {
        guard let response = response as? HTTPURLResponse else {
            throw refusal("an answer in HTTP", "another one")
        }
        switch response.statusCode {
        case 200:
            if start > 0 {
                try file?.truncate()
                size = 0
                result = .startedAgain
            }
            total = response.value(forHTTPHeaderField: "Content-Length").flatMap { Int($0) }
        case 206:
            guard let range = ContentRange(response.value(forHTTPHeaderField: "Content-Range")),
                range.start == start
            else {
                throw refusal(
                    "the bytes from \(start)",
                    "the range \(response.value(forHTTPHeaderField: "Content-Range") ?? "without a name")")
            }
            total = range.total
        case 416 where start > 0:
            // Nothing comes after what we have: it is all there, or too much, which its checksum will tell.
            isComplete = true
            return false
        default:
            throw refusal(
                "the archive",
                "HTTP status \(response.statusCode) ("
                    + HTTPURLResponse.localizedString(forStatusCode: response.statusCode) + ")")
        }
        return true
    }

    private func refusal(_ expected: String, _ found: String) -> DatasetError {
        DatasetError(
            operation: "downloading from", location: url.absoluteString, expected: expected, found: found)
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        guard failure == nil else { return }
        do {
            try file?.appendContents(of: data)
            size += data.count
            let seconds = (ContinuousClock.now - began) / .seconds(1)
            let received = size - (result == .startedAgain ? 0 : start)
            progress(
                DownloadProgress(
                    byteCount: size, totalByteCount: total,
                    bytesPerSecond: seconds > 0 ? Double(received) / seconds : 0))
        } catch {
            failure = error
            dataTask.cancel()
        }
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        let outcome: Swift.Result<Result, any Error>
        if let failure {
            outcome = .failure(failure)
        } else if isComplete {
            outcome = .success(result)
        } else if let error {
            outcome = .failure(broken(error.localizedDescription))
        } else if let total, size != total {
            outcome = .failure(broken(size < total ? "the connection's end" : "more than that"))
        } else {
            outcome = .success(result)
        }
        file = nil
        continuation?.resume(with: outcome)
        continuation = nil
    }

    private func broken(_ reason: String) -> DownloadBreak {
        DownloadBreak(
            expected: total.map { "\($0) bytes" } ?? "the archive", reason: reason,
            hasStartedAgain: result == .startedAgain)
    }
}

/// A connection that broke: what has come so far is worth keeping.
struct DownloadBreak: Error {
    let expected: String
    let reason: String
    /// Whether the server sent the file from its beginning instead of the rest of it.
    let hasStartedAgain: Bool
}

/// The header field that says which bytes an answer holds: `bytes 5-9/10`.
struct ContentRange {
    let start: Int
    let total: Int?

    init?(_ field: String?) {
        guard let field, field.hasPrefix("bytes ") else { return nil }
        let parts = field.dropFirst(6).split(separator: "/", maxSplits: 1)
        guard parts.count == 2, let first = parts[0].split(separator: "-").first, let start = Int(first)
        else {
            return nil
        }
        self.start = start
        total = Int(parts[1])
    }
}
