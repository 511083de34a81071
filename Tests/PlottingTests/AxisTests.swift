import Testing

import Plotting

@Suite("Ticks and numbers")
struct AxisTests {
    @Test(
        "Ticks are multiples of 1, 2 or 5 times a power of ten",
        arguments: [
            (0.0...1.0, 5, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0...10, 5, [0, 2, 4, 6, 8, 10]),
            (-3...4, 7, [-3, -2, -1, 0, 1, 2, 3, 4]), (0.13...0.47, 4, [0.2, 0.3, 0.4]),
            (1200...4900, 4, [2000, 3000, 4000]),
        ])
    func linear(range: ClosedRange<Double>, count: Int, expected: [Double]) {
        #expect(Ticks.linear(range, about: count).values == expected)
    }

    @Test("Whole numbers have no ticks between them")
    func integers() {
        #expect(Ticks.linear(1...3, about: 10, smallestStep: 1).values == [1, 2, 3])
    }

    @Test("Any range has ticks inside it, and not too many")
    func anyRange() {
        for exponent in -12...12 {
            var power = 1.0
            for _ in 0..<abs(exponent) { power = exponent < 0 ? power / 10 : power * 10 }
            for (low, high) in [(-1.0, 1.0), (0.1, 0.11), (3.3, 9.1), (-7, -6.5)] {
                let range = low * power...high * power
                let ticks = Ticks.linear(range, about: 5).values
                #expect((3...9).contains(ticks.count), "\(range): \(ticks)")
                let slack = (high - low) * power * 1e-6
                #expect(ticks.allSatisfy { $0 >= range.lowerBound - slack && $0 <= range.upperBound + slack })
            }
        }
    }

    @Test("Logarithmic ticks are powers of ten, with 2 and 5 times of them where there are few decades")
    func logarithmic() {
        #expect(Ticks.logarithmic(1...100, about: 5) == [1, 2, 5, 10, 20, 50, 100])
        #expect(Ticks.logarithmic(1...10_000, about: 5) == [1, 10, 100, 1000, 10_000])
        #expect(Ticks.logarithmic(1e-12...1, about: 4).count <= 5)
        #expect(Ticks.logarithmic(0...1, about: 4).isEmpty)
    }

    @Test(
        "Numbers have commas between thousands, and as many decimals as their distance needs",
        arguments: [
            (1_234_567, 1000, "1,234,567"), (0.5, 0.25, "0.5"), (0.25, 0.05, "0.25"), (-1500, 500, "−1,500"),
            (0, 0.1, "0.0"), (2e-7, 1e-7, "2e−7"),
        ] as [(Double, Double, String)])
    func numbers(value: Double, step: Double, expected: String) {
        #expect(NumberText().text(value, step: step) == expected)
    }

    @Test("Shares are percent")
    func percent() {
        #expect(NumberText(format: .percent).text(0.4834) == "48.34 %")
        #expect(NumberText(format: .percent).text(0.5, step: 10) == "50 %")
        #expect(NumberText().text(.nan) == "NaN")
    }

    @Test("An axis with one value, none, or 0 at its end has a range")
    func ranges() {
        for values in [[], [5.0], [0, 0], [-3], [.nan]] {
            let axis = PlacedAxis(Axis("x"), showing: values, padding: 0.05)
            #expect(axis.low < axis.high && axis.low.isFinite && axis.high.isFinite, "\(values)")
            let logarithmic = PlacedAxis(Axis("x", scale: .logarithmic), showing: values, padding: 0.05)
            #expect(logarithmic.low > 0 && logarithmic.low < logarithmic.high, "\(values)")
        }
        #expect(PlacedAxis(Axis("x"), showing: [0, 10], padding: 0.05).low == 0)
        #expect(PlacedAxis(Axis("x", includesZero: true), showing: [5, 10], padding: 0.05).low == 0)
    }
}
