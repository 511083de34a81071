import Tensors
import Testing

@Suite struct RandomStreamTests {
    @Test("A stream is Philox with the seed as key and (block, shard, epoch, purpose) as counter")
    func definition() {
        let seed: UInt64 = 0x0123_4567_89ab_cdef
        var stream = RandomStream(seed: seed, purpose: .shuffling, epoch: 5, shard: 9)
        for block: UInt32 in 0..<3 {
            let expected = Philox4x32.block(
                counter: SIMD4(block, 9, 5, RandomStream.Purpose.shuffling.rawValue),
                key: SIMD2(0x89ab_cdef, 0x0123_4567))
            for word in 0..<4 { #expect(stream.nextUInt32() == expected[word]) }
        }
    }

    @Test("64 random bits are two draws, the low half first")
    func wide() {
        var words = RandomStream(seed: 3, purpose: .testing)
        var stream = RandomStream(seed: 3, purpose: .testing)
        for _ in 0..<5 {
            let (low, high) = (UInt64(words.nextUInt32()), UInt64(words.nextUInt32()))
            #expect(stream.next() == high << 32 | low)
        }
    }

    @Test("Streams that differ in seed, purpose, epoch or shard are uncorrelated")
    func independence() {
        let count = 4096
        func draw(_ seed: UInt64, _ purpose: RandomStream.Purpose, _ epoch: Int, _ shard: Int) -> [Double] {
            var stream = RandomStream(seed: seed, purpose: purpose, epoch: epoch, shard: shard)
            return (0..<count).map { _ in stream.uniform() - 0.5 }
        }
        let streams = [
            draw(1, .shuffling, 0, 0), draw(2, .shuffling, 0, 0), draw(1 << 32, .shuffling, 0, 0),
            draw(1, .sharding, 0, 0), draw(1, .shuffling, 1, 0), draw(1, .shuffling, 0, 1),
            draw(1, .shuffling, 1, 1),
        ]
        for (index, first) in streams.enumerated() {
            for second in streams[..<index] {
                // The correlation of independent streams has standard deviation 1/√count = 1/64.
                let correlation = 12 * zip(first, second).reduce(0) { $0 + $1.0 * $1.1 } / Double(count)
                #expect(abs(correlation) < 5.0 / 64)
            }
        }
    }

    @Test("What one stream draws does not depend on what another has drawn")
    func noSharedState() {
        var first = RandomStream(seed: 1, purpose: .testing, shard: 1)
        var alone = RandomStream(seed: 1, purpose: .testing, shard: 2)
        var beside = RandomStream(seed: 1, purpose: .testing, shard: 2)
        for _ in 0..<100 {
            _ = first.next()
            #expect(alone.nextUInt32() == beside.nextUInt32())
        }
    }

    @Test("Integers lie below the bound and hit each value equally often", arguments: [1, 2, 3, 10, 48])
    func integersAreUniform(bound: Int) {
        var stream = RandomStream(seed: 7, purpose: .testing, shard: bound)
        let draws = 20_000 * bound
        var hits = [Int](repeating: 0, count: bound)
        for _ in 0..<draws { hits[stream.integer(below: bound)] += 1 }
        // A binomial count of mean 20,000 has a standard deviation below √20,000.
        for count in hits { #expect(abs(Double(count) - 20_000) < 5 * 20_000.squareRoot()) }
    }

    @Test("Integers below 3 · 2³⁰ have no bias, which a remainder or a product alone would have")
    func integersHaveNoBias() {
        // Without rejection a third of the values would come up twice as often: every third (by product) or the
        // lowest third (by remainder).
        let bound = 3 << 30
        var stream = RandomStream(seed: 8, purpose: .testing)
        var (remainders, thirds) = ([0, 0, 0], [0, 0, 0])
        let draws = 90_000
        for _ in 0..<draws {
            let value = stream.integer(below: bound)
            #expect(value >= 0 && value < bound)
            remainders[value % 3] += 1
            thirds[value >> 30] += 1
        }
        for count in remainders + thirds { #expect(abs(count - draws / 3) < 750) }
    }

    @Test("The largest bound is 2³² − 1")
    func largestBound() {
        var stream = RandomStream(seed: 9, purpose: .testing)
        let values = (0..<1000).map { _ in stream.integer(below: Int(UInt32.max)) }
        #expect(values.allSatisfy { $0 >= 0 && $0 < Int(UInt32.max) })
        #expect(values.contains { $0 > Int(UInt32.max) / 2 })
    }

    @Test("Permuting keeps every element", arguments: [0, 1, 2, 3, 100, 1009])
    func permutation(count: Int) {
        var elements = Array(0..<count)
        var stream = RandomStream(seed: 4, purpose: .testing)
        stream.permute(&elements)
        #expect(elements.sorted() == Array(0..<count))
        if count >= 100 { #expect(elements != Array(0..<count)) }
    }

    @Test("Every permutation of four elements comes up equally often")
    func permutationsAreUniform() {
        var stream = RandomStream(seed: 5, purpose: .testing)
        var hits: [[Int]: Int] = [:]
        for _ in 0..<24_000 {
            var elements = [0, 1, 2, 3]
            stream.permute(&elements)
            hits[elements, default: 0] += 1
        }
        #expect(hits.count == 24)
        for count in hits.values { #expect(abs(count - 1000) < 160) }
    }

    // Expected values from a separate implementation in Python.
    @Test("The sequences that define a run never change")
    func goldenSequences() {
        var elements = Array(0..<16)
        var stream = RandomStream(seed: 42, purpose: .shuffling, epoch: 3, shard: 1)
        stream.permute(&elements)
        #expect(elements == [5, 15, 6, 7, 10, 12, 0, 3, 8, 14, 1, 4, 11, 2, 13, 9])
        #expect((0..<8).map { _ in stream.integer(below: 1000) } == [308, 99, 999, 791, 450, 611, 760, 296])
        #expect((0..<2).map { _ in stream.uniform() } == [0.6746470562275391, 0.7178199133198087])
    }

    @Test("Uniform numbers fill [0, 1) evenly")
    func uniform() {
        var stream = RandomStream(seed: 6, purpose: .testing)
        var hits = [Int](repeating: 0, count: 10)
        for _ in 0..<100_000 {
            let value = stream.uniform()
            #expect(value >= 0 && value < 1)
            hits[Int(value * 10)] += 1
        }
        for count in hits { #expect(abs(count - 10_000) < 500) }
    }

    @Test("Normal numbers have the standard normal's first four moments, and the pair is uncorrelated")
    func normalMoments() {
        var stream = RandomStream(seed: 10, purpose: .testing)
        let pairs = (0..<100_000).map { _ in stream.normalPair() }
        let numbers = pairs.flatMap { [$0.0, $0.1] }
        func mean(_ power: (Double) -> Double) -> Double {
            numbers.reduce(0) { $0 + power($1) } / Double(numbers.count)
        }
        // Five standard errors each: √(variance of xᵏ / 200,000) with variances 1, 2, 15 and 96.
        #expect(abs(mean { $0 }) < 0.0112)
        #expect(abs(mean { $0 * $0 } - 1) < 0.0159)
        #expect(abs(mean { $0 * $0 * $0 }) < 0.0434)
        #expect(abs(mean { $0 * $0 * $0 * $0 } - 3) < 0.11)
        #expect(abs(pairs.reduce(0) { $0 + $1.0 * $1.1 } / Double(pairs.count)) < 0.0159)
        #expect(numbers.allSatisfy { $0.isFinite })
    }
}
