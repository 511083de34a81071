import Images
import Testing

struct RasterImageTests {
    private let ramp = RasterImage(width: 4, height: 2, channels: 1, bytes: [0, 10, 20, 30, 40, 50, 60, 70])

    @Test func fittedTakesTheMeanOfTheAreaThatAPixelCovers() {
        #expect(ramp.fitted(width: 2, height: 1).bytes == [25, 45])
        #expect(ramp.fitted(width: 4, height: 2) == ramp)
    }

    @Test func fittedWeighsPixelsByTheShareThatIsCovered() {
        let three = RasterImage(
            width: 3, height: 3, channels: 1, bytes: [0, 0, 0, 90, 90, 90, 180, 180, 180])
        // The upper row of two covers the first row and half of the second: (0 · 1 + 90 · ½) / 1½.
        #expect(three.fitted(width: 2, height: 2).bytes == [30, 30, 150, 150])
    }

    @Test func fittedEnlargesByRepeating() {
        let one = RasterImage(width: 2, height: 1, channels: 3, bytes: [1, 2, 3, 4, 5, 6])
        #expect(
            one.fitted(width: 4, height: 2).bytes
                == [1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6, 1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6])
    }

    @Test func fittedCutsTheMiddleOutOfWhatIsTooWideOrTooHigh() {
        #expect(ramp.fitted(width: 2, height: 2).bytes == [10, 20, 50, 60])
        let high = RasterImage(width: 1, height: 5, channels: 1, bytes: [1, 2, 3, 4, 5])
        #expect(high.fitted(width: 1, height: 1).bytes == [3])
        #expect(high.fitted(width: 3, height: 3).bytes == Array(repeating: 3, count: 9))
    }

    @Test(arguments: [(1, 1), (7, 3), (32, 32), (64, 63)])
    func fittedLeavesOneColourAsItIs(width: Int, height: Int) {
        let red = RasterImage(
            width: 37, height: 41, channels: 3, bytes: (0..<37 * 41).flatMap { _ in [255, 1, 128] })
        let fitted = red.fitted(width: width, height: height)
        #expect(fitted.bytes == (0..<width * height).flatMap { _ in [255, 1, 128] })
    }

    @Test func greyWeighsColoursAndColourRepeatsGrey() {
        let colours = RasterImage(
            width: 5, height: 1, channels: 3,
            bytes: [255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 7, 7, 7])
        #expect(colours.grey.bytes == [76, 150, 29, 255, 7])
        #expect(colours.grey.colour.bytes.prefix(6) == [76, 76, 76, 150, 150, 150])
        #expect(colours.colour == colours)
    }

    @Test func planesHoldOneChannelAfterTheOther() {
        let two = RasterImage(width: 1, height: 2, channels: 3, bytes: [1, 2, 3, 4, 5, 6])
        #expect(two.planes == [1, 4, 2, 5, 3, 6])
        #expect(ramp.planes == ramp.bytes)
    }
}
