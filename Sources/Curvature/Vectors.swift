/// Sums and products of long vectors in double precision. The order of additions is fixed, so that every machine computes the
/// same bits: eight sums side by side, added from the first to the last, then what is left over.
enum Vectors {
    static func dot(_ a: [Double], _ b: [Double]) -> Double {
        precondition(a.count == b.count, "a product of \(a.count) and \(b.count) numbers")
        return dot(a, b, first: a.count)
    }

    /// The same of the first numbers alone.
    static func dot(_ a: [Double], _ b: [Double], first count: Int) -> Double {
        precondition(count <= a.count && count <= b.count, "a product of \(count) numbers")
        return a.withUnsafeBytes { a in
            b.withUnsafeBytes { b in
                let whole = count / 8
                var sums = SIMD8<Double>.zero
                for index in 0..<whole {
                    let offset = index * MemoryLayout<SIMD8<Double>>.stride
                    // Two roundings: a fused multiply-add would be another number.
                    let product =
                        a.loadUnaligned(fromByteOffset: offset, as: SIMD8<Double>.self)
                        * b.loadUnaligned(fromByteOffset: offset, as: SIMD8<Double>.self)
                    sums += product
                }
                var sum = 0.0
                for lane in 0..<8 { sum += sums[lane] }
                let stride = MemoryLayout<Double>.stride
                for index in whole * 8..<count {
                    sum +=
                        a.load(fromByteOffset: index * stride, as: Double.self)
                        * b.load(fromByteOffset: index * stride, as: Double.self)
                }
                return sum
            }
        }
    }

    static func norm(_ a: [Double]) -> Double { dot(a, a).squareRoot() }

    /// y ← y + factor x.
    static func add(_ factor: Double, _ x: [Double], to y: inout [Double]) {
        precondition(x.count == y.count, "a sum of \(x.count) and \(y.count) numbers")
        x.withUnsafeBufferPointer { x in
            y.withUnsafeMutableBufferPointer { y in
                for index in 0..<y.count { y[index] += factor * x[index] }
            }
        }
    }

    /// x ← factor x.
    static func scale(_ x: inout [Double], by factor: Double) {
        x.withUnsafeMutableBufferPointer { x in
            for index in 0..<x.count { x[index] *= factor }
        }
    }
}
