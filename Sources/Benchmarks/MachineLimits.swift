/// What the machine can do, as measured with all ranks at work at once; each number is that of the fastest turn, since
/// whatever else the machine does can only slow a turn down.
public struct MachineLimits: Codable, Sendable, Equatable {
    /// The peaks of the units that multiply.
    public let peaks: [PeakMeasurement]
    /// Copies in memory, from small working sets to large ones.
    public let copies: [CopyMeasurement]
    /// Matrix products; nil where nobody asked.
    public internal(set) var products: [ProductMeasurement]?
    /// Barriers; nil on one rank, or where nobody asked.
    public internal(set) var barrier: BarrierMeasurement?
    /// Allreduces by size; empty on one rank, nil where nobody asked.
    public internal(set) var allreduces: [AllreduceMeasurement]?

    /// Limits of a machine.
    public init(peaks: [PeakMeasurement], copies: [CopyMeasurement]) {
        self.peaks = peaks
        self.copies = copies
    }

    /// The peak of a unit.
    public func peak(of unit: PeakMeasurement.Unit) -> PeakMeasurement? {
        peaks.first { $0.unit == unit }
    }

    /// The bytes per second of all ranks together that copies reach whose working set on each rank is of about this
    /// size: those of the smallest measured one that is no smaller, or of the largest.
    public func copyBytesPerSecond(workingSet: Double) -> Double {
        let copy = copies.first { Double($0.workingSetBytes) >= workingSet } ?? copies.last
        return copy?.bytesPerSecond ?? .infinity
    }
}

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

/// A matrix product as a linear module with M inputs and N outputs needs it.
public struct ProductShape: Codable, Sendable, Hashable {
    /// What it is for.
    public enum Use: String, Codable, Sendable {
        /// Y [S, N] = X Wᵀ with X [S, M], W [N, M]: m = S, n = N, k = M. W may be prepared beforehand.
        case forward
        /// ∂L/∂W [N, M] = (∂L/∂Y)ᵀ X with ∂L/∂Y [B, N], X [B, M]: m = N, n = M, k = B.
        case weightGradient = "weight_gradient"
    }

    /// What it is for.
    public let use: Use
    /// The rows of the product.
    public let m: Int
    /// The columns of the product.
    public let n: Int
    /// The products summed in each entry.
    public let k: Int

    /// A shape.
    public init(_ use: Use, m: Int, n: Int, k: Int) {
        (self.use, self.m, self.n, self.k) = (use, m, n, k)
    }

    /// 2 m n k: a multiplication and an addition for each summand.
    public var flops: Double { 2 * Double(m) * Double(n) * Double(k) }
}

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
