import Datasets
import Tensors
import Testing

@Suite struct AugmentationTests {
    private static let format = ImageFormat(
        name: "test", channels: 2, height: 5, width: 6, classNames: ["a", "b"], mean: [0.5, 0.5],
        standardDeviation: [0.25, 0.25], paddingByte: 200)

    /// Images whose every pixel has a value of its own, none the padding byte.
    private func images(_ rows: Int) -> AlignedBuffer<UInt8> {
        let images = AlignedBuffer<UInt8>(zeroed: rows * Self.format.imageBytes)
        for index in 0..<images.count { images.vector[index] = UInt8(index % Self.format.imageBytes + 1) }
        return images
    }

    @Test(
        "A crop is the image moved, with the padding byte where there was nothing; a flip mirrors what was cropped",
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
                        ? before.vector[(channel * format.height + from.row) * format.width + from.column]
                        : format.paddingByte
                    #expect(image.vector[place] == expected, "\(channel), \(row), \(column)")
                }
            }
        }
    }

    /// Pixel (row, column) of an image before, and the padding byte around it.
    private func pixel(_ image: Vector<UInt8>, _ channel: Int, _ row: Int, _ column: Int) -> Double {
        let format = Self.format
        guard (0..<format.height).contains(row), (0..<format.width).contains(column) else {
            return Double(format.paddingByte)
        }
        return Double(image[(channel * format.height + row) * format.width + column])
    }

    /// Of cases in which all places are sixteenths of a pixel, so that nothing but the result is rounded.
    @Test(
        "A deformed image is the cropped and mirrored one, turned and scaled about the image's centre, between four pixels",
        arguments: [(0, 1, 1), (1, 1, 1), (2, 1, 1), (0, 0.5, 0.75), (3, 1.25, 0.5), (0, 1.75, 1)],
        [(0, 0, false), (-2, 3, false), (1, -1, true)])
    func deformation(
        deformed: (quarters: Int, down: Double, right: Double),
        moved: (down: Int, right: Int, isFlipped: Bool)
    ) {
        let format = Self.format
        let image = images(1)
        let before = images(1)
        Augmenter(Augmentation.allCases, format: format, seed: 1).change(
            image.vector, down: moved.down, right: moved.right, isFlipped: moved.isFlipped,
            deformation: .init(
                turns: Double(deformed.quarters) / 4, scales: (deformed.down, deformed.right)))
        let (cosine, sine) = [(1.0, 0.0), (0, 1), (-1, 0), (0, -1)][deformed.quarters]
        for channel in 0..<format.channels {
            for row in 0..<format.height {
                for column in 0..<format.width {
                    let mirrored = moved.isFlipped ? format.width - 1 - column : column
                    let down = deformed.down * (Double(row + moved.down) - 2)
                    let right = deformed.right * (Double(mirrored + moved.right) - 2.5)
                    let place = (
                        row: 2 + cosine * down + sine * right, column: 2.5 + cosine * right - sine * down
                    )
                    let (y, x) = (Int(place.row.rounded(.down)), Int(place.column.rounded(.down)))
                    let (fy, fx) = (place.row - Double(y), place.column - Double(x))
                    let mean =
                        (1 - fy)
                        * ((1 - fx) * pixel(before.vector, channel, y, x) + fx
                            * pixel(before.vector, channel, y, x + 1))
                        + fy
                        * ((1 - fx) * pixel(before.vector, channel, y + 1, x) + fx
                            * pixel(before.vector, channel, y + 1, x + 1))
                    let index = (channel * format.height + row) * format.width + column
                    #expect(Double(image.vector[index]) == (mean + 0.5).rounded(.down), "\(index)")
                }
            }
        }
    }

    @Test("A turn by any angle moves a plane's values by at most a sixteenth of a pixel too far")
    func anyAngle() {
        let format = ImageFormat(
            name: "plane", channels: 1, height: 24, width: 24, classNames: ["a"], mean: [0],
            standardDeviation: [1])
        let augmenter = Augmenter([.rotate], format: format, seed: 1)
        for degrees in stride(from: -170.0, through: 170, by: 17) {
            let image = AlignedBuffer<UInt8>(zeroed: format.imageBytes)
            for index in 0..<image.count {
                image.vector[index] = UInt8(20 + 6 * (index / 24) + 3 * (index % 24))
            }
            augmenter.change(
                image.vector, down: 0, right: 0, isFlipped: false,
                deformation: .init(turns: degrees / 360, scales: (1, 1)))
            let (cosine, sine) = PortableMath.cosineAndSine(turns: degrees / 360)
            // As far as no corner comes into sight.
            for row in 6..<18 {
                for column in 6..<18 {
                    let (down, right) = (Double(row) - 11.5, Double(column) - 11.5)
                    let expected =
                        20 + 6 * (11.5 + cosine * down + sine * right)
                        + 3 * (11.5 + cosine * right - sine * down)
                    let found = Double(image.vector[row * 24 + column])
                    #expect(abs(found - expected) < 0.5 + 9 / 16, "\(degrees): \(row), \(column)")
                }
            }
        }
    }

    /// All images are the same, so what is different is the change.
    private func changed(
        _ kinds: [Augmentation] = [.crop, .flip], rows: Range<Int>, epoch: Int = 3, seed: UInt64 = 9,
        firstCleanEpoch: Int = .max, _ configure: (inout AugmentationExtents) -> Void = { _ in }
    ) -> [[UInt8]] {
        let images = images(rows.count)
        let matrix = images.matrix(rows: rows.count, columns: Self.format.imageBytes)
        var extents = AugmentationExtents()
        configure(&extents)
        Augmenter(
            kinds, extents: extents, format: Self.format, seed: seed, firstCleanEpoch: firstCleanEpoch
        ).change(matrix, epoch: epoch, first: rows.lowerBound)
        return (0..<rows.count).map { matrix[rows: $0..<$0 + 1].vector.array }
    }

    @Test(
        "An image's change depends on seed, epoch and place alone, not on the rows around it",
        arguments: [
            [Augmentation.crop, .flip], [.rotate], [.zoom], [.cutout], Augmentation.allCases,
        ])
    func keys(kinds: [Augmentation]) {
        func changed(_ rows: Range<Int>, epoch: Int = 3, seed: UInt64 = 9) -> [[UInt8]] {
            self.changed(kinds, rows: rows, epoch: epoch, seed: seed) {
                ($0.rotation, $0.zoom, $0.cutoutSize) = (90, 0.4, 2)
            }
        }
        let whole = changed(0..<40)
        #expect(changed(0..<15) + changed(15..<40) == whole)
        #expect(changed(0..<40, epoch: 4) != whole)
        #expect(changed(0..<40, seed: 8) != whole)
        #expect(Set(whole).count > 15)
    }

    @Test("A flip is one of two, and what is not asked for does not happen")
    func kinds() {
        #expect(Set(changed([.flip], rows: 0..<40)).count == 2)
        #expect(Set(changed([], rows: 0..<40)).count == 1)
        let unchanged = changed([], rows: 0..<1)[0]
        // A rotation that may be of no angle, and a zoom of no size, change nothing.
        for (kind, other) in [(Augmentation.rotate, Augmentation.zoom), (.zoom, .rotate)] {
            let found = changed([kind], rows: 0..<40) {
                if kind == .rotate { $0.rotation = 1e-9 } else { $0.zoom = 1e-9 }
            }
            #expect(found.allSatisfy { $0 == unchanged }, "\(kind) without \(other)")
        }
    }

    @Test("A crop shifts by as many pixels as asked for, each way", arguments: [1, 2])
    func padding(pixels: Int) {
        let found = changed([.crop], rows: 0..<400) { $0.padding = pixels }
        var expected: Set<[UInt8]> = []
        for down in -pixels...pixels {
            for right in -pixels...pixels {
                let image = images(1)
                Augmenter([.crop], format: Self.format, seed: 1).change(
                    image.vector, down: down, right: right, isFlipped: false)
                expected.insert(image.vector.array)
            }
        }
        #expect(Set(found) == expected && expected.count == (2 * pixels + 1) * (2 * pixels + 1))
    }

    @Test("So many images are deformed as the probability says")
    func probability() {
        let unchanged = changed([], rows: 0..<1)[0]
        for probability in [0.3, 1] {
            let found = changed([.rotate], rows: 0..<1000) {
                ($0.rotation, $0.deformProbability) = (180, probability)
            }
            // Five standard errors, and some angles too small to be seen.
            #expect(abs(Double(found.count { $0 != unchanged }) - 1000 * probability) < 73)
        }
    }

    @Test("From the first clean epoch on images are cropped and flipped at most")
    func clean() {
        func all(_ epoch: Int) -> [[UInt8]] {
            changed(Augmentation.allCases, rows: 0..<40, epoch: epoch, firstCleanEpoch: 3)
        }
        #expect(all(2) == changed(Augmentation.allCases, rows: 0..<40, epoch: 2))
        for epoch in [3, 4] {
            #expect(all(epoch) == changed([.flip, .crop], rows: 0..<40, epoch: epoch))
        }
    }

    @Test("A cutout empties a square around any pixel, as far as it lies in the image", arguments: [1, 3, 4])
    func cutout(size: Int) {
        let format = Self.format
        let unchanged = changed([], rows: 0..<1)[0]
        var areas: Set<[Int]> = []
        for image in changed([.cutout], rows: 0..<400, { $0.cutoutSize = size }) {
            let emptied = image.indices.filter { image[$0] == format.paddingByte }
            #expect(image.indices.allSatisfy { emptied.contains($0) || image[$0] == unchanged[$0] })
            let places = emptied.filter { $0 < format.planeBytes }
            #expect(emptied == places + places.map { $0 + format.planeBytes })
            areas.insert(places)
        }
        var expected: Set<[Int]> = []
        for row in 0..<format.height {
            for column in 0..<format.width {
                let (rows, columns) = (
                    row - size / 2..<row - size / 2 + size, column - size / 2..<column - size / 2 + size
                )
                expected.insert(
                    (0..<format.planeBytes).filter {
                        rows.contains($0 / format.width) && columns.contains($0 % format.width)
                    })
            }
        }
        #expect(areas == expected)
    }
}
