/// The most that a unit of the processors does: multiply-adds on numbers that stand in registers, a small loop without
/// any memory.
public struct PeakMeasurement: Codable, Sendable, Equatable {
    /// What multiplies.
    public enum Unit: String, Codable, Sendable {
        /// The vector units, in single precision.
        case vector = "vector_float32"
        /// The units for products of bytes, summed in 32 bits.
        case bytes
    }

    /// What multiplies.
    public let unit: Unit
    /// The operations per second of a rank with one thread at work, in 10⁹.
    public let gigaflopsPerThread: Double
    /// Those of all ranks together with all threads at work, in 10⁹.
    public let gigaflops: Double

    enum CodingKeys: String, CodingKey {
        case unit
        case gigaflopsPerThread = "gflops_per_thread"
        case gigaflops = "gflops"
    }
}
