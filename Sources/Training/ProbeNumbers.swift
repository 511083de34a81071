package import Tensors

// What machines are compared by: inputs that are the same on each, and a hash of what they make of them.

/// Numbers that are the same on every machine: nothing of the C library's, nothing that is rounded.
package struct ProbeNumbers {
    private var state: UInt64

    /// The numbers of a seed.
    package init(seed: UInt64) { state = seed }

    /// The next state of a linear congruential generator, whose higher bits are the better ones.
    package mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state
    }

    /// Fills a vector with numbers below `range` in magnitude.
    package mutating func fill(_ numbers: Vector<Float>, range: Float = 1) {
        for index in 0..<numbers.count {
            numbers[index] = Float(Int32(truncatingIfNeeded: next() >> 40) - 1 << 23) * 0x1p-23 * range
        }
    }

    /// Fills a vector with bytes.
    package mutating func fill(_ bytes: Vector<UInt8>) {
        for index in 0..<bytes.count { bytes[index] = UInt8(truncatingIfNeeded: next() >> 32) }
    }
}

/// A hash of bits: FNV-1a, a word at a time.
package struct BitsHash {
    /// The hash of all words so far.
    package private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

    /// The hash of nothing.
    package init() {}

    /// Adds a word.
    package mutating func add(_ word: UInt64) { value = (value ^ word) &* 0x100_0000_01b3 }
}
