/// An allreduce of single-precision numbers over all ranks.
///
/// Two times are taken of each way: of the reduction alone, again and again of numbers that nobody touches in between;
/// and with each rank writing all its numbers before, and reading all sums after it, as in training, where the numbers
/// have just been computed and come from the writer's cache.
public struct AllreduceMeasurement: Codable, Sendable, Equatable {
    /// The bytes of each rank's numbers.
    public let byteCount: Int
    /// Seconds through `NodeReduction`; nil where memory cannot be shared.
    public let sharedSeconds: Double?
    /// The same with numbers written before and read after.
    public let sharedFreshSeconds: Double?
    /// Seconds through the communicator, `MPI_Allreduce` in place.
    public let mpiSeconds: Double
    /// The same with numbers written before and read after.
    public let mpiFreshSeconds: Double

    enum CodingKeys: String, CodingKey {
        case byteCount = "byte_count"
        case sharedSeconds = "shared_seconds"
        case sharedFreshSeconds = "shared_fresh_seconds"
        case mpiSeconds = "mpi_seconds"
        case mpiFreshSeconds = "mpi_fresh_seconds"
    }
}
