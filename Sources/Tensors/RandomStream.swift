/// A stream of random numbers named by what it is for: (seed, purpose, epoch, shard).
///
/// Two streams with different names never share a number, and no stream depends on what was drawn from another
/// or on how many processes there are.
public struct RandomStream: RandomNumberGenerator, Sendable {
    /// What a stream is drawn for. The raw values are part of the definition of a run: they never change.
    public enum Purpose: UInt32, Sendable {
        /// Initial parameters; `shard` is the index of the parameter tensor.
        case initialization = 1
        /// The choice of validation records.
        case validationSplit = 2
        /// Dealing the training records into logical shards.
        case sharding = 3
        /// The order of a shard's records in an epoch.
        case shuffling = 4
        /// Images of the synthetic data set; `shard` is the record.
        case synthesis = 5
        /// Labels of the synthetic data set.
        case syntheticLabels = 6
        /// Anything in a test or a benchmark.
        case testing = 7
        /// Masks of dropout, drawn by a kernel, with the mask's index in the higher bits; the counter's other words are the
        /// step, the row of the global batch and the column.
        case dropout = 8
        /// Random changes to an image; `shard` is its place in the epoch.
        case augmentation = 9
        /// Mixing pairs of images; `shard` is the place of a shard's part of a batch in the epoch.
        case mixup = 10
        /// The order of all training records in an epoch.
        case globalShuffling = 11
        /// Start vectors of Lanczos' method, `shard` the probe; the noise of paths in the plane; random matrices, `epoch` their
        /// number of rows, `shard` the trial.
        case curvature = 12
        /// Rotations and zooms of an image; `shard` is its place in the epoch.
        case deformation = 13
        /// Where a square is cut out of an image; `shard` is its place in the epoch.
        case cutout = 14
        /// The centres of the windows in which weights begin; `shard` is the index of the parameter tensor.
        case windows = 15
    }

    private let key: SIMD2<UInt32>
    private var counter: SIMD4<UInt32>
    private var block = SIMD4<UInt32>.zero
    private var used = 4

    /// Opens the stream at its first number.
    ///
    /// - Parameters:
    ///   - seed: The run's seed; it is Philox's key.
    ///   - purpose: What the numbers are for.
    ///   - epoch: The epoch, from 0, below 2³².
    ///   - shard: The logical shard, tensor or record, from 0, below 2³².
    public init(seed: UInt64, purpose: Purpose, epoch: Int = 0, shard: Int = 0) {
        key = SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
        counter = SIMD4(0, UInt32(shard), UInt32(epoch), purpose.rawValue)
    }

    /// Returns the next 32 random bits.
    public mutating func nextUInt32() -> UInt32 {
        if used == 4 {
            block = Philox4x32.block(counter: counter, key: key)
            precondition(counter.x < UInt32.max, "a random stream holds 2³⁴ numbers")
            counter.x += 1
            used = 0
        }
        defer { used += 1 }
        return block[used]
    }

    /// Returns the next 64 random bits, the low half drawn first.
    public mutating func next() -> UInt64 {
        let low = UInt64(nextUInt32())
        return low | UInt64(nextUInt32()) << 32
    }

    /// Returns a uniform integer in `0..<bound`, without bias (Lemire's multiplication with rejection).
    ///
    /// - Parameter bound: At least 1 and at most 2³² − 1.
    public mutating func integer(below bound: Int) -> Int {
        precondition(bound >= 1, "no integer lies below \(bound)")
        let bound = UInt32(bound)
        let threshold = (0 &- bound) % bound
        while true {
            let product = UInt64(nextUInt32()) * UInt64(bound)
            if UInt32(truncatingIfNeeded: product) >= threshold { return Int(product >> 32) }
        }
    }

    /// Returns a uniform number in [0, 1) with 53 random bits.
    public mutating func uniform() -> Double {
        Double(next() >> 11) * 0x1p-53
    }

    /// Returns two independent standard normal numbers (Box-Muller).
    public mutating func normalPair() -> (Double, Double) {
        let radius = (-2 * PortableMath.log(1 - uniform())).squareRoot()
        let direction = PortableMath.cosineAndSine(turns: uniform())
        return (radius * direction.cosine, radius * direction.sine)
    }

    /// Permutes `elements` in place, uniformly (Fisher-Yates from the last element down).
    ///
    /// Written out here, not the standard library's `shuffle(using:)`, whose sequence of draws may change.
    public mutating func permute<Element>(_ elements: inout [Element]) {
        guard elements.count > 1 else { return }
        for last in stride(from: elements.count - 1, through: 1, by: -1) {
            elements.swapAt(last, integer(below: last + 1))
        }
    }
}

/// The counter-based generator Philox4x32-10: 128 random bits as a pure function of a 128-bit counter and a
/// 64-bit key.
///
/// There is no state to carry or to share: whoever knows the counter and the key computes the same bits, on any
/// rank, in any order.
///
/// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC'11.
public enum Philox4x32 {
    /// Returns the block of four 32-bit words that belongs to `counter` under `key`, after ten rounds.
    public static func block(counter: SIMD4<UInt32>, key: SIMD2<UInt32>) -> SIMD4<UInt32> {
        var counter = counter
        var key = key
        for _ in 0..<9 {
            counter = round(counter, key)
            key &+= SIMD2(0x9E37_79B9, 0xBB67_AE85)
        }
        return round(counter, key)
    }

    private static func round(_ counter: SIMD4<UInt32>, _ key: SIMD2<UInt32>) -> SIMD4<UInt32> {
        let first = UInt64(counter.x) * 0xD251_1F53
        let second = UInt64(counter.z) * 0xCD9E_8D57
        return SIMD4(
            UInt32(truncatingIfNeeded: second >> 32) ^ counter.y ^ key.x,
            UInt32(truncatingIfNeeded: second),
            UInt32(truncatingIfNeeded: first >> 32) ^ counter.w ^ key.y,
            UInt32(truncatingIfNeeded: first))
    }
}
