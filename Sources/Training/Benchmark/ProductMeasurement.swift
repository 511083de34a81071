/// A matrix product by one kernel, on one thread of each rank, all ranks at once.
public struct ProductMeasurement: Codable, Sendable, Equatable {
    /// The product.
    public let shape: ProductShape
    /// The kernel's name.
    public let kernel: String
    /// What it multiplies with.
    public let unit: PeakMeasurement.Unit
    /// Seconds of the slowest rank.
    public let seconds: Double
    /// A rank's floating-point operations per second, in 10⁹.
    public let gigaflops: Double
    /// `gigaflops` as a share of the unit's peak on one thread.
    public let shareOfPeak: Double
    /// The largest difference from a product in double precision, as a share of that product's largest entry; over all
    /// ranks, which have different numbers.
    public let largestError: Double

    enum CodingKeys: String, CodingKey {
        case shape
        case kernel
        case unit
        case seconds
        case gigaflops = "gflops"
        case shareOfPeak = "share_of_peak"
        case largestError = "largest_error"
    }
}
