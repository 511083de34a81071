import Datasets
import Tensors
import Testing

@Suite struct PixelNormalizationTests {
    /// The numbers that a view of the pixels stands for: p · scale + shift of their channel.
    private func apply<Scalar: TensorScalar>(
        _ normalization: PixelNormalization<Scalar>, _ pixels: [UInt8]
    ) -> [Scalar] {
        let row = AlignedBuffer<UInt8>(repeating: 0, count: pixels.count)
        for (index, pixel) in pixels.enumerated() { row.vector[index] = pixel }
        let numbers = normalization.numbers(row.matrix(rows: 1, columns: pixels.count))
        return pixels.indices.map { index in
            let channel = index / numbers.channelSize
            return Scalar(numbers.pixels[0, index]) * numbers.scale[channel] + numbers.shift[channel]
        }
    }

    @Test("Every value of a pixel becomes (p / 255 − mean) / std of its channel")
    func cifar10() {
        let pixels = (0..<3072).map { UInt8(truncatingIfNeeded: $0) }
        let (single, double) = (
            apply(PixelNormalization<Float>(.cifar10), pixels),
            apply(PixelNormalization<Double>(.cifar10), pixels)
        )
        let (mean, deviation) = ([0.491, 0.482, 0.447], [0.247, 0.243, 0.262])
        for index in pixels.indices {
            let channel = index / 1024
            let expected = (Double(pixels[index]) / 255 - mean[channel]) / deviation[channel]
            #expect(abs(Double(single[index]) - expected) < 1e-6)
            // The constants are given in single precision.
            #expect(abs(double[index] - expected) < 1e-6)
        }
    }

    @Test("There may be any number of channels, of any number of pixels")
    func channels() {
        let normalization = PixelNormalization<Double>(
            mean: [0, 0.5, 1, 0.25], standardDeviation: [1, 0.5, 0.25, 2])
        let values = apply(normalization, [0, 255, 0, 255, 0, 255, 0, 255])
        let expected: [Double] = [0, 1, -1, 1, -4, 0, -0.125, 0.375]
        for (value, expected) in zip(values, expected) { #expect(abs(value - expected) < 1e-14) }
    }

    @Test("Images of several rows keep their bytes and share their channels' numbers")
    func rows() {
        let normalization = PixelNormalization<Float>(.cifar10)
        let buffer = AlignedBuffer<UInt8>(repeating: 0, count: 3 * 3072)
        for index in 0..<buffer.count { buffer.vector[index] = UInt8(truncatingIfNeeded: index * 7) }
        let numbers = normalization.numbers(buffer.matrix(rows: 3, columns: 3072))
        #expect(numbers.rows == 3 && numbers.columns == 3072 && numbers.channelSize == 1024)
        #expect(numbers.scale.count == 3 && numbers.shift.count == 3)
        #expect(numbers[rows: 1..<3].pixels.vector.array == buffer.vector[3072..<9216].array)
    }
}
