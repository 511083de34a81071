internal import Foundation
internal import Synchronization

/// What became of that which was printed: a result that nobody got is a failure.
package enum StandardOutput {
    /// The value of `errno` of the first failure; 0 before.
    private static let failure = Atomic<Int32>(0)

    /// Prints text at once. A failure is told at the end of the program: it must not end a run.
    package static func send(_ text: String) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count >= 0 {
                bytes = bytes.dropFirst(count)
                continue
            }
            let code = errno
            if code == EINTR { continue }
            guard code == EAGAIN else { return note(code) }
            var wanted = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
            poll(&wanted, 1, -1)
        }
    }

    /// Why something that was printed is lost, in words; nil if nothing is, or if its reader has gone away, which is the
    /// reader's wish.
    package static var failureReason: String? {
        let code = failure.load(ordering: .relaxed)
        return code == 0 || code == EPIPE ? nil : String(cString: strerror(code))
    }

    private static func note(_ code: Int32) {
        _ = failure.compareExchange(expected: 0, desired: code, ordering: .relaxed)
    }
}

/// Prints a line, in the place of the standard library's function, which does not tell whether it could.
package func print(_ line: String) { StandardOutput.send(line + "\n") }
