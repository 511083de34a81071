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
