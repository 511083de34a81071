/// A barrier of all ranks.
public struct BarrierMeasurement: Codable, Sendable, Equatable {
    /// Seconds through shared memory within a node, and the communicator between nodes; nil where memory cannot be
    /// shared.
    public let sharedSeconds: Double?
    /// Seconds through the communicator, `MPI_Barrier`.
    public let mpiSeconds: Double

    enum CodingKeys: String, CodingKey {
        case sharedSeconds = "shared_seconds"
        case mpiSeconds = "mpi_seconds"
    }
}
