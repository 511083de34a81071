package import SystemLimits

/// What a rank has found of itself, its host and its files: what ranks tell one another, and all that a diagnosis is made
/// from. What could not be found out is in it, too, so that no rank fails alone.
package struct RankView: Codable, Sendable, Equatable {
    /// The processors of a rank.
    package struct Processors: Codable, Sendable, Equatable {
        /// Those on which the launcher lets the main thread run; empty where the system does not tell.
        package var bound: [Int]
        /// How many the ranks of the host may use.
        package var ofHost: Int
        /// How many processors' time its control groups give it; nil for no bound.
        package var quota: Int?

        package init(
            bound: [Int], ofHost: Int, quota: Int? = nil
        ) {
            self.bound = bound
            self.ofHost = ofHost
            self.quota = quota
        }
    }

    /// The data set as this rank finds it.
    package struct Data: Codable, Sendable, Equatable {
        package var name: String
        package var location: String
        package var trainingCount: Int
        package var testCount: Int
        /// A fingerprint of some records, which is each rank's own.
        package var sample: UInt64
        /// The fingerprint of this rank's part of all records: those of a host's ranks add up to the whole.
        package var fingerprint: UInt64

        package init(
            name: String, location: String, trainingCount: Int, testCount: Int, sample: UInt64,
            fingerprint: UInt64
        ) {
            self.name = name
            self.location = location
            self.trainingCount = trainingCount
            self.testCount = testCount
            self.sample = sample
            self.fingerprint = fingerprint
        }
    }

    /// What the kernels are.
    package struct Kernels: Codable, Sendable, Equatable {
        package var used: String
        /// The better ones that the CPU has; nil for none.
        package var better: String?
        package var areEmulated: Bool
        /// Those of OpenBLAS, where products are left to it, and the instruction set for which they are made.
        package var openBLAS: String?
        /// The instruction set that the CPU has for better ones of OpenBLAS's; nil for none.
        package var betterForOpenBLAS: String?
        /// What the environment says about OpenBLAS's choice.
        package var coreType: String?

        package init(
            used: String, better: String? = nil, areEmulated: Bool, openBLAS: String? = nil,
            betterForOpenBLAS: String? = nil, coreType: String? = nil
        ) {
            self.used = used
            self.better = better
            self.areEmulated = areEmulated
            self.openBLAS = openBLAS
            self.betterForOpenBLAS = betterForOpenBLAS
            self.coreType = coreType
        }
    }

    /// How the bits of this rank come out.
    package struct Arithmetic: Codable, Sendable, Equatable {
        /// A hash for each part of what training computes.
        package var hashes: [UInt64]
        /// The kernels whose bits are others than those of the table.
        package var differing: [String]
        package var kernelCount: Int

        package init(
            hashes: [UInt64], differing: [String], kernelCount: Int
        ) {
            self.hashes = hashes
            self.differing = differing
            self.kernelCount = kernelCount
        }
    }

    /// The memory that the run needs and that there is.
    package struct Memory: Codable, Sendable, Equatable {
        /// What this rank takes as a rule at the most, without what it shares.
        package var own: Int
        /// What it shares.
        package var shared: Int
        /// What is left on the host.
        package var available: Int
        /// Why the run is refused; nil where it is not.
        package var refusal: String?

        package init(
            own: Int, shared: Int, available: Int, refusal: String? = nil
        ) {
            self.own = own
            self.shared = shared
            self.available = available
            self.refusal = refusal
        }
    }

    /// Shared memory objects on the host.
    package struct SharedObjects: Codable, Sendable, Equatable {
        /// Where they lie.
        package var path: String
        package var needed: Int
        /// The room that is left; nil where the system does not tell.
        package var free: Int?

        package init(
            path: String, needed: Int, free: Int? = nil
        ) {
            self.path = path
            self.needed = needed
            self.free = free
        }
    }

    /// Where rank 0 writes.
    package struct Output: Codable, Sendable, Equatable {
        package var path: String
        /// The nearest folder that is there.
        package var folder: String
        package var free: Int?
        /// Why nothing can be written there; nil where it can.
        package var refusal: String?
        /// Why no file can be locked there; nil where it can.
        package var lockRefusal: String?
        /// What is there already that keeps a new run away.
        package var occupant: String?
        /// The bytes of a checkpoint, and of all that are kept.
        package var checkpointBytes: Int
        package var keptBytes: Int?

        package init(
            path: String, folder: String, free: Int? = nil, refusal: String? = nil,
            lockRefusal: String? = nil, occupant: String? = nil, checkpointBytes: Int, keptBytes: Int? = nil
        ) {
            self.path = path
            self.folder = folder
            self.free = free
            self.refusal = refusal
            self.lockRefusal = lockRefusal
            self.occupant = occupant
            self.checkpointBytes = checkpointBytes
            self.keptBytes = keptBytes
        }
    }

    package var rank: Int
    package var host: String
    /// The host's number.
    package var node: Int
    /// How many processes a batch system has reserved room for; nil where none has.
    package var reservedTasks: Int?
    /// The MPI library and its version.
    package var library: String
    package var processors: Processors
    /// The threads that this rank is to have, and those that could be started.
    package var threads: Int
    package var startedThreads: Int
    package var kernels: Kernels
    package var arithmetic: Arithmetic?
    package var arithmeticFailure: String?
    package var data: Data?
    package var dataFailure: String?
    package var memory: Memory
    package var sharedObjects: SharedObjects?
    /// Why this rank may not read the memory of the next one on its host; nil where it may, or is alone.
    package var singleCopyRefusal: String?
    /// Whether messages of a host's ranks go through MPI.
    package var sendsWithinHost: Bool
    /// Whether several threads may call MPI at once.
    package var allowsConcurrentCalls: Bool
    /// The time of day at moments that are the same for all ranks, but for a barrier, in seconds.
    package var clock: [Double]
    package var limits: ProcessLimits
    package var output: Output?

    package init(
        rank: Int, host: String, node: Int, reservedTasks: Int? = nil, library: String,
        processors: Processors, threads: Int, startedThreads: Int, kernels: Kernels,
        arithmetic: Arithmetic? = nil, arithmeticFailure: String? = nil, data: Data? = nil,
        dataFailure: String? = nil, memory: Memory, sharedObjects: SharedObjects? = nil,
        singleCopyRefusal: String? = nil, sendsWithinHost: Bool, allowsConcurrentCalls: Bool, clock: [Double],
        limits: ProcessLimits, output: Output? = nil
    ) {
        self.rank = rank
        self.host = host
        self.node = node
        self.reservedTasks = reservedTasks
        self.library = library
        self.processors = processors
        self.threads = threads
        self.startedThreads = startedThreads
        self.kernels = kernels
        self.arithmetic = arithmetic
        self.arithmeticFailure = arithmeticFailure
        self.data = data
        self.dataFailure = dataFailure
        self.memory = memory
        self.sharedObjects = sharedObjects
        self.singleCopyRefusal = singleCopyRefusal
        self.sendsWithinHost = sendsWithinHost
        self.allowsConcurrentCalls = allowsConcurrentCalls
        self.clock = clock
        self.limits = limits
        self.output = output
    }
}
