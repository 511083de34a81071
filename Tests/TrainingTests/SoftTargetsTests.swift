import Tensors
import Testing
import Training

@Suite struct SoftTargetsTests {
    @Test("Mixed bytes are the nearest to both weighted means", arguments: [0, 1, 77, 128, 200, 256])
    func bytes(share: Int) {
        let a = AlignedBuffer<UInt8>(zeroed: 256 * 256)
        let b = AlignedBuffer<UInt8>(zeroed: 256 * 256)
        for index in 0..<a.count {
            a.vector[index] = UInt8(index / 256)
            b.vector[index] = UInt8(index % 256)
        }
        SoftTargets.mix(a.vector, b.vector, share)
        var worst = 0.0
        for index in 0..<a.count {
            let (x, y, share) = (Double(index / 256), Double(index % 256), Double(share) / 256)
            worst = max(
                worst, abs(Double(a.vector[index]) - (share * x + (1 - share) * y)),
                abs(Double(b.vector[index]) - (share * y + (1 - share) * x)))
        }
        #expect(worst <= 0.5)
    }

    @Test("Beta's mean is 1/2 and its variance 1 / (4 (2 α + 1))", arguments: [0.1, 0.2, 0.5, 1])
    func beta(alpha: Double) {
        var random = RandomStream(seed: 3, purpose: .testing)
        let numbers = (0..<20_000).map { _ in SoftTargets.beta(alpha, &random) }
        #expect(numbers.allSatisfy { (0...1).contains($0) })
        let mean = numbers.reduce(0, +) / Double(numbers.count)
        let variance = numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(numbers.count)
        // Five standard errors: that of the mean is at most 0.5 / √20,000.
        #expect(abs(mean - 0.5) < 0.018)
        #expect(abs(variance - 1 / (4 * (2 * alpha + 1))) < 0.008)
    }
}
