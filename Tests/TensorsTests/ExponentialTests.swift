import Foundation
import TensorTestSupport
import Tensors
import Testing

@Suite struct ExponentialTests {
    /// An element-wise function with what the C library says of it in double precision.
    struct Function: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let kernel: @Sendable (Int, UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void
        let exact: @Sendable (Double) -> Double
        /// The largest error allowed, in units of the exact result's last place.
        let bound: Double

        func callAsFunction(_ x: [Float]) -> [Float] {
            [Float](unsafeUninitializedCapacity: x.count) { buffer, count in
                count = x.count
                if let base = buffer.baseAddress { kernel(x.count, x, base) }
            }
        }

        static func elu(_ alpha: Float, bound: Double) -> Function {
            Function(testDescription: "elu, α = \(alpha)") {
                Float.elu($0, alpha, $1, $2)
            } exact: {
                $0 > 0 ? $0 : Double(alpha) * Foundation.expm1($0)
            } bound: {
                bound
            }
        }

        private init(
            testDescription: String,
            kernel: @escaping @Sendable (Int, UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void,
            exact: @escaping @Sendable (Double) -> Double, bound: () -> Double
        ) {
            self.testDescription = testDescription
            self.kernel = kernel
            self.exact = exact
            self.bound = bound()
        }

        static let all = [
            Function(testDescription: "exp", kernel: { Float.exp($0, $1, $2) }, exact: Foundation.exp) {
                1.5
            },
            elu(1, bound: 1.5), elu(0.3, bound: 2),
            Function(testDescription: "tanh", kernel: { Float.tanh($0, $1, $2) }, exact: Foundation.tanh) {
                3
            },
        ]
    }

    /// The distance from `exact` in units of the last place that a Float of that size has; denormals all have the
    /// same.
    private func error(_ value: Float, _ exact: Double) -> Double {
        let rounded = Float(exact)
        if value.isInfinite || rounded.isInfinite { return value == rounded ? 0 : .infinity }
        return abs(Double(value) - exact) / Double(max(rounded.ulp, .leastNonzeroMagnitude))
    }

    @Test(
        "Errors stay within a few units in the last place over the whole range of Float",
        arguments: Function.all)
    func accuracy(function: Function) {
        var (worst, at) = (0.0, Float.nan)
        // A prime number of bit patterns apart, so that all mantissas and exponents get their share.
        let patterns = stride(from: UInt64(0), through: UInt64(UInt32.max), by: 97 * 23)
        let x = patterns.map { Float(bitPattern: UInt32($0)) }.filter { !$0.isNaN }
        for (x, y) in zip(x, function(x)) {
            let distance = error(y, function.exact(Double(x)))
            if !(distance <= worst) { (worst, at) = (distance, x) }
        }
        #expect(worst <= function.bound, "worst at \(at)")
    }

    @Test("Errors stay as small where the results vary", arguments: Function.all)
    func accuracyInTheMiddle(function: Function) {
        var (worst, at) = (0.0, Float.nan)
        let x = (-1_060_000...900_000).map { Float($0) * 1e-4 }
        for (x, y) in zip(x, function(x)) {
            let distance = error(y, function.exact(Double(x)))
            if !(distance <= worst) { (worst, at) = (distance, x) }
        }
        #expect(worst <= function.bound, "worst at \(at)")
    }

    @Test("exp overflows to infinity and underflows through the denormals to 0 where the exact result does")
    func expLimits() {
        let exp = Function.all[0]
        let x: [Float] = [
            88.72283, 88.72284, 89, 1e30, .infinity, -87.4, -103.9, -103.98, -104, -1e30, -.infinity,
        ]
        let y = exp(x)
        #expect(y[0].isFinite && y[0] > 3.4e38)
        #expect(y[1...4].allSatisfy { $0 == .infinity })
        #expect(y[5] > 0 && y[5].isSubnormal)
        #expect(y[6] == .leastNonzeroMagnitude)
        #expect(y[7...].allSatisfy { $0.bitPattern == 0 })
        #expect(exp([0, -0.0]) == [1, 1])
    }

    @Test("Infinities give the limits")
    func infinities() {
        #expect(Function.elu(1, bound: 1)([.infinity, -.infinity, -1e30]) == [.infinity, -1, -1])
        #expect(Function.elu(0.25, bound: 1)([.infinity, -.infinity]) == [.infinity, -0.25])
        #expect(Function.all[3]([.infinity, -.infinity, 1e30, -1e30]) == [1, -1, 1, -1])
    }

    @Test("Zeros keep their sign")
    func zeros() {
        for function in Function.all.dropFirst() {
            #expect(function([0, -0.0]).map(\.bitPattern) == [Float(0).bitPattern, Float(-0.0).bitPattern])
        }
        var relu: [Float] = [0, -0.0, -1, 2, .infinity, -.infinity]
        relu.withUnsafeMutableBufferPointer { if let base = $0.baseAddress { Float.relu(6, base, base) } }
        #expect(relu == [0, 0, 0, 2, .infinity, 0])
    }

    @Test("NaN stays NaN, alone and among others", arguments: [1, 5, 16, 67])
    func notANumber(count: Int) {
        func relu(_ x: [Float]) -> [Float] {
            var y = x
            y.withUnsafeMutableBufferPointer {
                if let base = $0.baseAddress { Float.relu(count, base, base) }
            }
            return y
        }
        for position in 0..<count {
            for nan in [Float.nan, -Float.nan, Float(nan: 1, signaling: false)] {
                var x = [Float](repeating: -0.5, count: count)
                x[position] = nan
                for y in Function.all.map({ $0(x) }) + [relu(x)] {
                    #expect(y.indices.filter { y[$0].isNaN } == [position])
                }
            }
        }
    }

    @Test(
        "A result depends neither on the position in the vector nor on the vector's length",
        arguments: Function.all)
    func positionIndependence(function: Function) {
        var stream = RandomStream(seed: 11, purpose: .testing)
        let x = (0..<67).map { _ in Float(stream.normalPair().0 * 4) }
        let alone = x.map { function([$0])[0].bitPattern }
        for count in 1...67 {
            #expect(function(Array(x[..<count])).map(\.bitPattern) == Array(alone[..<count]))
            // From another address within the register's width.
            #expect(function(Array(x[(67 - count)...])).map(\.bitPattern) == Array(alone[(67 - count)...]))
        }
    }

    @Test("Double precision gives the C library's results")
    func doublePrecision() {
        let scratch = Scratch()
        let x: Vector<Double> = scratch.normals(101, stream: 1)
        let y: Vector<Double> = scratch.unset(101)
        Double.exp(x.count, x.base, y.base)
        #expect(y.array == x.array.map(Foundation.exp))
        Double.tanh(x.count, x.base, y.base)
        #expect(y.array == x.array.map(Foundation.tanh))
        Double.elu(x.count, 0.5, x.base, y.base)
        #expect(y.array == x.array.map { $0 > 0 ? $0 : 0.5 * expm1($0) })
    }
}
