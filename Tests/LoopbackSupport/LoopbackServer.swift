internal import Foundation
internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// A small HTTP server on the loopback interface that misbehaves as it is told, one connection after the
/// other.
public final class LoopbackServer: Sendable {
    /// How to answer one request.
    public struct Answer: Sendable {
        /// The status, where it is not what it should be.
        public var status: Int?
        /// Whether `Range` is heeded.
        public var heedsRange: Bool
        /// After how many bytes of the body the connection breaks off.
        public var breaksAfter: Int?
        /// Whether the answer says how long it is.
        public var saysLength: Bool
        /// The first byte of the range, where it is not the one asked for.
        public var wrongStart: Int?

        /// An answer that is as it should be, but for what is given.
        public init(
            status: Int? = nil, heedsRange: Bool = true, breaksAfter: Int? = nil, saysLength: Bool = true,
            wrongStart: Int? = nil
        ) {
            self.status = status
            self.heedsRange = heedsRange
            self.breaksAfter = breaksAfter
            self.saysLength = saysLength
            self.wrongStart = wrongStart
        }
    }

    /// Keeps a client that has gone away from ending the process.
    #if canImport(Glibc)
    private static let noSignal = Int32(MSG_NOSIGNAL)
    #else
    private static let noSignal: Int32 = 0
    #endif

    private let port: UInt16
    private let body: @Sendable (String) -> [UInt8]?
    private let socketHandle: Int32
    private let isStopped = Mutex(false)
    private let hasStopped = DispatchSemaphore(value: 0)
    private let state: Mutex<(answers: [Answer], requests: [String])>

    /// Serves `body` under every name; the requests get `answers` in turn, and proper answers after these.
    ///
    /// - Throws: `POSIXError` where there is no port to be had.
    public convenience init(_ body: [UInt8], answers: [Answer] = []) throws {
        try self.init(answers: answers) { _ in body }
    }

    /// Serves for a path, which begins with a slash, what `body` says; 404 where that is nothing.
    ///
    /// - Throws: `POSIXError` where there is no port to be had.
    public init(answers: [Answer] = [], body: @escaping @Sendable (_ path: String) -> [UInt8]?) throws {
        self.body = body
        state = Mutex((answers, []))
        socketHandle = Self.makeSocket()
        let handle = socketHandle
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = Self.withAddress(port: 0) { bind(handle, $0, $1) == 0 && listen(handle, 8) == 0 }
        let hasPort = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                getsockname(handle, $0, &length) == 0
            }
        }
        port = UInt16(bigEndian: address.sin_port)
        guard isBound, hasPort else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        Thread.detachNewThread { [self] in
            while true {
                let connection = accept(handle, nil, nil)
                // Closed by the thread that accepts: elsewhere the handle's number could be another's by now.
                if connection < 0 || isStopped.withLock({ $0 }) {
                    if connection >= 0 { close(connection) }
                    close(handle)
                    hasStopped.signal()
                    return
                }
                // A child that another test starts would keep the connection open.
                _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
                serve(connection)
                close(connection)
            }
        }
    }

    /// The address without a path.
    public var base: String { "http://127.0.0.1:\(port)" }

    /// The requests so far, as they came.
    public var requests: [String] { state.withLock { $0.requests } }

    /// Closes the port.
    public func stop() {
        isStopped.withLock { $0 = true }
        // Wakes the thread: one of the two does, depending on the system.
        shutdown(socketHandle, Int32(SHUT_RDWR))
        let waker = Self.makeSocket()
        Self.withAddress(port: port) { _ = connect(waker, $0, $1) }
        close(waker)
        hasStopped.wait()
    }

    private static func makeSocket() -> Int32 {
        #if canImport(Glibc)
        socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
        socket(AF_INET, SOCK_STREAM, 0)
        #endif
    }

    /// Calls `body` with an address of the loopback interface.
    private static func withAddress<Result>(
        port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    private func serve(_ connection: Int32) {
        var request: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while !String(decoding: request, as: UTF8.self).contains("\r\n\r\n") {
            let count = recv(connection, &buffer, buffer.count, 0)
            guard count > 0 else { return }
            request += buffer[..<count]
        }
        let text = String(decoding: request, as: UTF8.self)
        let answer = state.withLock { state in
            state.requests.append(text)
            return state.answers.isEmpty ? Answer() : state.answers.removeFirst()
        }
        let range = text.split(separator: "\r\n").first { $0.lowercased().hasPrefix("range: bytes=") }
        let start = range.flatMap { Int($0.dropFirst(13).prefix { $0.isNumber }) }
        var headers = ["Connection: close"]
        let path = text.split(separator: " ").dropFirst().first.map(String.init) ?? ""
        let body = body(path)
        var content = body?[...] ?? []
        var status = body == nil ? 404 : 200
        if answer.heedsRange, let start, let body {
            if start >= body.count {
                status = 416
                content = []
                headers.append("Content-Range: bytes */\(body.count)")
            } else {
                status = 206
                content = body[start...]
                headers.append(
                    "Content-Range: bytes \(answer.wrongStart ?? start)-\(body.count - 1)/\(body.count)")
            }
        }
        if let wrong = answer.status {
            status = wrong
            content = Array("<html>no</html>".utf8)[...]
        }
        if answer.saysLength { headers.append("Content-Length: \(content.count)") }
        let head = "HTTP/1.1 \(status) Something\r\n" + headers.map { $0 + "\r\n" }.joined() + "\r\n"
        let bytes = Array(head.utf8) + content.prefix(answer.breaksAfter ?? content.count)
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                send(connection, $0.baseAddress, $0.count, Self.noSignal)
            }
            guard count > 0 else { return }
            sent += count
        }
    }
}
