internal import Foundation

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

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
