import Datasets
import Tensors
import Testing

@Suite struct AugmentationTests {
    private static let format = ImageFormat(
        name: "test", channels: 2, height: 5, width: 6, classNames: ["a", "b"], mean: [0.5, 0.5],
        standardDeviation: [0.25, 0.25])

    /// Images whose every pixel has a value of its own, none 0.
    private func images(_ rows: Int) -> AlignedBuffer<UInt8> {
        let images = AlignedBuffer<UInt8>(zeroed: rows * Self.format.imageBytes)
        for index in 0..<images.count { images.vector[index] = UInt8(index % Self.format.imageBytes + 1) }
        return images
    }

    @Test(
        "A crop is the image moved, black where there was nothing; a flip mirrors what was cropped",
        arguments: [(0, 0), (1, 0), (0, -2), (-4, 3), (4, 4)], [false, true])
    func geometry(offset: (down: Int, right: Int), isFlipped: Bool) {
        let format = Self.format
        let image = images(1)
        let before = images(1)
        Augmenter([.crop, .flip], format: format, seed: 1).change(
            image.vector, down: offset.down, right: offset.right, isFlipped: isFlipped)
        for channel in 0..<format.channels {
            for row in 0..<format.height {
                for column in 0..<format.width {
                    let place = (channel * format.height + row) * format.width + column
                    let from = (
                        row: row + offset.down,
                        column: (isFlipped ? format.width - 1 - column : column) + offset.right
                    )
                    let isInside =
                        (0..<format.height).contains(from.row) && (0..<format.width).contains(from.column)
                    let expected =
                        isInside
                        ? before.vector[(channel * format.height + from.row) * format.width + from.column] : 0
                    #expect(image.vector[place] == expected, "\(channel), \(row), \(column)")
                }
            }
        }
    }

    @Test("What a shift brings in is the format's padding byte")
    func padding() {
        let format = ImageFormat(
            name: "one", channels: 1, height: 3, width: 3, classNames: ["a"], mean: [0],
            standardDeviation: [1], paddingByte: 128)
        let image = AlignedBuffer<UInt8>(zeroed: 9)
        for index in 0..<9 { image.vector[index] = UInt8(index + 1) }
        Augmenter([], format: format, seed: 1).change(image.vector, down: 1, right: -1, isFlipped: false)
        #expect(image.vector.array == [128, 4, 5, 128, 7, 8, 128, 128, 128])
    }

    @Test("An image's change depends on seed, epoch and place alone, not on the rows around it")
    func keys() {
        let columns = Self.format.imageBytes
        func changed(_ kinds: [Augmentation] = [.crop, .flip], rows: Range<Int>, epoch: Int, seed: UInt64)
            -> [[UInt8]]
        {
            let images = images(rows.count)
            let matrix = images.matrix(rows: rows.count, columns: columns)
            Augmenter(kinds, format: Self.format, seed: seed).change(
                matrix, epoch: epoch, first: rows.lowerBound)
            return (0..<rows.count).map { matrix[rows: $0..<$0 + 1].vector.array }
        }
        let whole = changed(rows: 0..<40, epoch: 3, seed: 9)
        #expect(changed(rows: 0..<15, epoch: 3, seed: 9) + changed(rows: 15..<40, epoch: 3, seed: 9) == whole)
        #expect(changed(rows: 0..<40, epoch: 4, seed: 9) != whole)
        #expect(changed(rows: 0..<40, epoch: 3, seed: 8) != whole)
        // All images are the same here, so what is different is the change: many crops, two flips.
        #expect(Set(whole).count > 20)
        #expect(Set(changed([.flip], rows: 0..<40, epoch: 3, seed: 9)).count == 2)
        #expect(Set(changed([], rows: 0..<40, epoch: 3, seed: 9)).count == 1)
    }
}
