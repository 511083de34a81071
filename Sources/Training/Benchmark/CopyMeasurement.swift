/// Copies from memory to memory, by all threads of all ranks at once.
public struct CopyMeasurement: Codable, Sendable, Equatable {
    /// The bytes that a rank reads and writes again and again: source and destination together.
    public let workingSetBytes: Int
    /// Bytes read plus bytes written per second, of all ranks together.
    public let bytesPerSecond: Double

    enum CodingKeys: String, CodingKey {
        case workingSetBytes = "working_set_bytes"
        case bytesPerSecond = "bytes_per_second"
    }
}
