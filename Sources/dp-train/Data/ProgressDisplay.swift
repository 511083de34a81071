import Datasets
import Foundation
import Synchronization

/// Shows a download's progress on standard error: a bar that is drawn over on a terminal, else a line now and
/// then.
final class ProgressDisplay: Sendable {
    private struct State {
        /// Counted from the start, so that the first rate shown is not that of a single packet.
        var lastShown = ContinuousClock.now
        var isBegun = false
        var lastLength = 0
    }

    private let isTerminal = isatty(STDERR_FILENO) != 0
    private let state = Mutex(State())

    /// Shows where the download is, unless it was shown a moment ago.
    func show(_ progress: DownloadProgress) {
        let interval: Duration = isTerminal ? .milliseconds(200) : .seconds(10)
        state.withLock { state in
            let now = ContinuousClock.now
            let isDone = progress.byteCount == progress.totalByteCount
            if now - state.lastShown < interval, !isDone { return }
            state.lastShown = now
            state.isBegun = true
            let line = (isTerminal ? Self.bar(progress) : "") + Self.text(progress)
            let padding = String(repeating: " ", count: max(0, state.lastLength - line.count))
            state.lastLength = line.count
            write(isTerminal ? "\r" + line + padding : line + "\n")
        }
    }

    /// Leaves the bar's line.
    func finish() {
        state.withLock { state in
            if isTerminal, state.isBegun { write("\n") }
            state = State()
        }
    }

    private func write(_ text: String) {
        // Whether anybody can see it does not matter to the download.
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }

    private static func bar(_ progress: DownloadProgress) -> String {
        guard let total = progress.totalByteCount, total > 0 else { return "" }
        let width = 24
        let filled = min(width, width * progress.byteCount / total)
        return "[" + String(repeating: "#", count: filled) + String(repeating: "-", count: width - filled)
            + "] "
    }

    /// Bytes so far, the share of all, the rate and the time left.
    static func text(_ progress: DownloadProgress) -> String {
        var parts = [megabytes(Double(progress.byteCount)) + " MB"]
        if let total = progress.totalByteCount, total > 0 {
            parts[0] = "\(megabytes(Double(progress.byteCount))) of \(megabytes(Double(total))) MB"
            parts.append("\(100 * progress.byteCount / total) %")
        }
        parts.append(megabytes(progress.bytesPerSecond) + " MB/s")
        if let left = progress.secondsLeft, progress.byteCount != progress.totalByteCount {
            let seconds = Int(min(left.rounded(.up), 359_999))
            parts.append(
                seconds < 60 ? "\(seconds) s left" : "\(seconds / 60) min \(seconds % 60) s left")
        }
        return parts.joined(separator: ", ")
    }

    private static func megabytes(_ bytes: Double) -> String {
        let tenths = Int((min(bytes, 1e15) / 1e5).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}
