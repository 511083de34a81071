internal import Foundation

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// Numbers and rows as people read them.
enum ConsoleText {
    static let tableHead = columns.map { padded($0.title, $0.width) }.joined(separator: "  ")

    private static let columns: [(title: String, width: Int)] = [
        ("epoch", 5), ("step", 6), ("rate", 7), ("loss", 7), ("acc", 7), ("val loss", 8), ("val acc", 7),
        ("images/s", 9), ("time", 7),
    ]

    /// An epoch's row, aligned with `tableHead`; "-" where there was no validation. 79 columns.
    static func row(_ record: EpochRecord) -> String {
        let fields = [
            "\(record.epoch)", "\(record.step)", String(format: "%.2g", record.learningRate),
            fixed(record.trainLoss, digits: 4), percent(record.trainAccuracy),
            record.validationLoss.map { fixed($0, digits: 4) } ?? "-",
            record.validationAccuracy.map(percent) ?? "-",
            grouped(record.imagesPerSecond), duration(record.seconds),
        ]
        return zip(fields, columns).map { padded($0, $1.width) }.joined(separator: "  ")
    }

    static func pairs(_ pairs: [(key: String, value: String)]) -> [String] {
        let width = pairs.map(\.key.count).max() ?? 0
        return pairs.map { pair in
            pair.key + ":" + String(repeating: " ", count: width - pair.key.count + 1) + pair.value
        }
    }

    static func fixed(_ value: Double, digits: Int) -> String {
        value.isFinite ? String(format: "%.\(digits)f", value) : "\(value)"
    }

    static func percent(_ fraction: Double) -> String {
        fraction.isFinite ? String(format: "%.2f%%", 100 * fraction) : "\(fraction)"
    }

    /// A whole number with commas between the thousands.
    static func grouped(_ value: Double) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
        let digits = Array(String(Int(abs(value).rounded())))
        let groups = digits.indices.map { index in
            let isGroupStart = index > 0 && (digits.count - index) % 3 == 0
            return (isGroupStart ? "," : "") + String(digits[index])
        }
        return (value <= -0.5 ? "-" : "") + groups.joined()
    }

    /// "0.4 s", "12.3 s", "1:05" or "2:03:04".
    static func duration(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds < 1e9 else { return "?" }
        if seconds < 59.95 { return fixed(seconds, digits: 1) + " s" }
        let whole = Int(seconds.rounded())
        let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60)
        return hours > 0
            ? String(format: "%d:%02d:%02d", hours, minutes, rest) : String(format: "%d:%02d", minutes, rest)
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}

/// How a `ConsoleReporter` prints.
public enum ConsoleStyle: Sendable {
    /// With a progress bar that is drawn over itself; `width` gives the terminal's current width in columns.
    case terminal(width: @Sendable () -> Int)
    /// Whole lines without control characters.
    case plain
    /// Nothing but warnings and final lines.
    case quiet

    /// The style that suits a file descriptor: a terminal (with `TERM` not `dumb`) or anything else.
    ///
    /// - Parameter descriptor: 1 for standard output, 2 for standard error.
    public static func automatic(descriptor: Int32) -> ConsoleStyle {
        guard isatty(descriptor) == 1, ProcessInfo.processInfo.environment["TERM"] != "dumb" else {
            return .plain
        }
        return .terminal(width: { width(of: descriptor) })
    }

    private static func width(of descriptor: Int32) -> Int {
        var size = winsize()
        let isKnown = ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
        return isKnown ? Int(size.ws_col) : 80
    }
}
