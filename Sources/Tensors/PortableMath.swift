/// Functions of a Double made of additions, multiplications, divisions and square roots alone, which every machine rounds alike:
/// the C library's `log`, `exp`, `sin` and `cos` differ in the last bit from one system to the next. Logarithm and
/// exponential err by at most two units in the last place.
///
/// Whatever decides a bit of a run uses these: random numbers, learning rates, the optimizers' corrections.
public enum PortableMath {
    private static let ln2High = 0x1.62e42feep-1
    private static let ln2Low = 0x1.a39ef35793c76p-33

    /// The natural logarithm of `x` ≥ 0; minus infinity for 0.
    ///
    /// With x = 2ⁿ z, 1/√2 ≤ z < √2, and f = (z − 1) / (z + 1): log x = n ln 2 + 2 artanh f.
    public static func log(_ x: Double) -> Double {
        guard x > 0, x < .infinity else { return x == 0 ? -.infinity : x }
        var (n, z) = (Double(x.exponent), x.significand)
        if z > 0x1.6a09e667f3bcdp0 { (n, z) = (n + 1, z / 2) }
        let f = (z - 1) / (z + 1)
        let square = f * f
        var sum = 0.0
        for divisor in stride(from: 25.0, through: 3, by: -2) { sum = sum * square + 1 / divisor }
        return n * ln2High + (2 * f + (2 * f * square * sum + n * ln2Low))
    }

    /// e to the power of `x`.
    ///
    /// With x = n ln 2 + r, |r| ≤ ln 2 / 2: 2ⁿ times the series of eʳ.
    public static func exp(_ x: Double) -> Double {
        guard x > -746 else { return x.isNaN ? x : 0 }
        guard x < 710 else { return .infinity }
        let n = (x / ln2High).rounded()
        let r = (x - n * ln2High) - n * ln2Low
        var sum = 1.0
        for divisor in stride(from: 14.0, through: 1, by: -1) { sum = sum * r / divisor + 1 }
        // In two factors, each of which is a normal number.
        let half = Int(n) / 2
        return sum * Double(sign: .plus, exponent: half, significand: 1)
            * Double(sign: .plus, exponent: Int(n) - half, significand: 1)
    }

    /// `base` ≥ 0 to the power of `exponent` > 0. The relative error grows with the result's logarithm.
    public static func power(_ base: Double, _ exponent: Double) -> Double { exp(exponent * log(base)) }

    /// `base` to the power of a whole number that is at least 0, by squaring.
    public static func power(_ base: Double, _ exponent: Int) -> Double {
        var (result, square, rest) = (1.0, base, exponent)
        while rest > 0 {
            if rest & 1 == 1 { result *= square }
            square *= square
            rest >>= 1
        }
        return result
    }

    /// Cosine and sine of 2π `turns`.
    ///
    /// The nearest quarter of a turn is taken off exactly; what is left, at most π/4, enters the two series.
    public static func cosineAndSine(turns: Double) -> (cosine: Double, sine: Double) {
        let quarters = (turns * 4).rounded()
        let angle = 2 * Double.pi * (turns - quarters / 4)
        let square = angle * angle
        var (cosine, sine) = (1.0, 1.0)
        for n in stride(from: 18.0, through: 2, by: -2) {
            cosine = 1 - cosine * square / (n * (n - 1))
            sine = 1 - sine * square / (n * (n + 1))
        }
        sine *= angle
        return switch Int(quarters) & 3 {
        case 0: (cosine, sine)
        case 1: (-sine, cosine)
        case 2: (-cosine, -sine)
        default: (sine, -cosine)
        }
    }
}
