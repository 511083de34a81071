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
