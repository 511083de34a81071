import Foundation
import Tensors
import Testing

@Suite("Functions that every machine rounds alike")
struct PortableMathTests {
    /// The difference in units in the last place of what the C library gives, which errs by one itself at most.
    private func units(_ found: Double, _ expected: Double) -> Double { abs(found - expected) / expected.ulp }

    @Test("Logarithms are as exact as the C library's, but for two units in the last place")
    func logarithm() {
        var random = RandomStream(seed: 1, purpose: .testing)
        for _ in 0..<100_000 {
            let x = random.uniform()
            for y in [1 - x, 1 + x, x * 1e300 + 1, (x + 0.5) * 1e-300] {
                #expect(units(PortableMath.log(y), log(y)) <= 3, "\(y)")
            }
        }
        #expect(PortableMath.log(1) == 0 && PortableMath.log(0) == -.infinity)
        #expect(PortableMath.log(.infinity) == .infinity && PortableMath.log(.nan).isNaN)
        #expect(units(PortableMath.log(.leastNonzeroMagnitude), log(.leastNonzeroMagnitude)) <= 3)
    }

    @Test("Exponentials are, too, and run out into infinity and 0")
    func exponential() {
        var random = RandomStream(seed: 2, purpose: .testing)
        for _ in 0..<100_000 {
            let x = (random.uniform() - 0.5) * 1400
            #expect(units(PortableMath.exp(x), exp(x)) <= 3, "\(x)")
        }
        #expect(
            PortableMath.exp(0) == 1 && PortableMath.exp(1000) == .infinity && PortableMath.exp(-1000) == 0)
        #expect(PortableMath.exp(-.infinity) == 0 && PortableMath.exp(.nan).isNaN)
    }

    @Test("Cosine and sine are those of the C library up to rounding, and exact at quarters of a turn")
    func cosineAndSine() {
        var random = RandomStream(seed: 3, purpose: .testing)
        for _ in 0..<100_000 {
            let turns = random.uniform() * 4 - 2
            let found = PortableMath.cosineAndSine(turns: turns)
            #expect(
                abs(found.cosine - cos(2 * .pi * turns)) < 4e-15
                    && abs(found.sine - sin(2 * .pi * turns)) < 4e-15)
            #expect(abs(found.cosine * found.cosine + found.sine * found.sine - 1) < 1e-15)
        }
        for (quarter, expected) in [(1.0, 0.0), (0, 1), (-1, 0), (0, -1)].enumerated() {
            let found = PortableMath.cosineAndSine(turns: Double(quarter) / 4)
            #expect(found.cosine == expected.0 && found.sine == expected.1)
        }
    }

    @Test("Powers of whole and of other exponents agree with one another")
    func power() {
        for (base, exponent) in [(0.1, 3), (0.999, 10_000), (1.5, 0), (0, 2), (2, 100)] {
            #expect(
                abs(PortableMath.power(base, exponent) - pow(base, Double(exponent))) <= 1e-12
                    * pow(base, Double(exponent)))
        }
        for (base, exponent) in [(0.3, 5.0), (0.9, 0.25), (0, 2.5), (7, 3.5)] {
            #expect(
                abs(PortableMath.power(base, exponent) - pow(base, exponent)) <= 1e-14 * pow(base, exponent))
        }
    }
}
