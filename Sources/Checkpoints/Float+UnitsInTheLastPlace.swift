extension Float {
    /// How many steps from one representable number to the next lie between two numbers: 0 for equal ones and for 0 and −0,
    /// 1 for neighbours, also across 0; infinity is the neighbour of the largest number. Nil if either is no number, since
    /// no distance is defined then.
    public static func unitsInTheLastPlace(between first: Float, and second: Float) -> UInt32? {
        guard !first.isNaN && !second.isNaN else { return nil }
        // Bit patterns are ordered like magnitudes; below 0 the order turns round.
        func rank(_ value: Float) -> Int64 {
            let magnitude = Int64(value.magnitude.bitPattern)
            return value.sign == .minus ? -magnitude : magnitude
        }
        return UInt32((rank(first) - rank(second)).magnitude)
    }
}
