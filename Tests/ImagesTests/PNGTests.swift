import DurableFiles
import FileTestSupport
import Foundation
import Images
import Testing

struct PNGTests {
    @Test(arguments: [(1, 1, 1), (5, 3, 1), (1, 1, 3), (33, 17, 3)])
    func aPictureWrittenIsTheOneThatIsRead(width: Int, height: Int, channels: Int) throws {
        let picture = Self.noise(width: width, height: height, channels: channels)
        let read = try RasterImage(png: picture.pngData(), name: "memory")
        #expect(read == picture.colour)
        #expect(channels == 3 || read.grey == picture)
    }

    /// Made by another encoder.
    @Test(arguments: [
        // Red, and blue that is transparent.
        (
            "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAYAAAD0In+KAAAADUlEQVR4nGP4z8AARgAO+gL+9R5MqQAAAABJRU5ErkJggg==",
            [255, 0, 0, 255, 255, 255]
        ),
        // Two colours of a palette, a bit each.
        (
            "iVBORw0KGgoAAAANSUhEUgAAAAMAAAABAQMAAAAhLob3AAAABlBMVEUKFB7I0tyCjXXdAAAACklEQVR4nGNwAAAAQgBBKTf07wAAAABJRU5ErkJggg==",
            [10, 20, 30, 200, 210, 220, 10, 20, 30]
        ),
        // 16 bits of grey.
        (
            "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABEAAAAACB2fwVAAAADUlEQVR4nGP4/5+BAQAG/gH/9YJV5QAAAABJRU5ErkJggg==",
            [255, 255, 255, 0, 0, 0]
        ),
    ])
    func everyKindOfPNGIsReadAsRedGreenAndBlue(base64: String, bytes: [UInt8]) throws {
        let file = try #require(Data(base64Encoded: base64))
        let image = try RasterImage(png: file, name: "memory")
        #expect(image.bytes == bytes)
        #expect((image.height, image.channels) == (1, 3))
    }

    @Test func aFileIsReadAndNamedInErrors() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/picture.png"
        let picture = Self.noise(width: 6, height: 4, channels: 3)
        let png = try picture.pngData()
        try png.write(to: URL(filePath: path))
        #expect(try RasterImage(pngFile: path) == picture)

        try png.prefix(png.count / 2).write(to: URL(filePath: path))
        let error = #expect(throws: PNGError.self) { try RasterImage(pngFile: path) }
        #expect(error?.description.contains(path) == true)
        guard case .damaged? = error?.problem else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(throws: FileError.self) { try RasterImage(pngFile: folder.path + "/none.png") }
        #expect(throws: FileError.self) { try RasterImage(pngFile: folder.path) }
    }

    @Test(arguments: [[], [0x89], Array("GIF89a, a picture".utf8)])
    func whatIsNoPNGIsCalledSo(bytes: [UInt8]) {
        let error = #expect(throws: PNGError.self) { try RasterImage(png: Data(bytes), name: "a.png") }
        #expect(error?.problem == .notPNG(found: Array(bytes.prefix(8))))
        #expect(error?.description.hasPrefix("reading a.png: expected a PNG file, found ") == true)
    }

    @Test func aFlippedBitInThePixelsIsFound() throws {
        var png = try Self.noise(width: 16, height: 16, channels: 3).pngData()
        png[png.startIndex + png.count / 2] ^= 4
        #expect(throws: PNGError.self) { try RasterImage(png: png, name: "flipped") }
    }

    @Test(arguments: [(1 << 19, 1 << 19), (900_000, 75)])
    func moreThanTheMostPixelsAreRefused(width: Int, height: Int) {
        let error = #expect(throws: PNGError.self) {
            try RasterImage(png: Self.header(width: width, height: height), name: "bomb.png")
        }
        #expect(error?.problem == .tooManyPixels(width: width, height: height))
        #expect(error?.description.contains("bomb.png") == true)
    }

    @Test func aSizeThatNoPictureHasIsDamage() {
        for (width, height) in [(0, 1), (1, 0), (1 << 31, 1), (0xFFFF_FFFF, 0xFFFF_FFFF)] {
            #expect(throws: PNGError.self) {
                try RasterImage(png: Self.header(width: width, height: height), name: "bad")
            }
        }
    }

    private static func noise(width: Int, height: Int, channels: Int) -> RasterImage {
        var random = SeededGenerator(state: 5)
        return RasterImage(
            width: width, height: height, channels: channels,
            bytes: (0..<width * height * channels).map { _ in UInt8.random(in: 0...255, using: &random) })
    }

    /// The beginning of a PNG file, and of its first row.
    private static func header(width: Int, height: Int) -> Data {
        func bigEndian(_ value: UInt32) -> [UInt8] {
            stride(from: 24, through: 0, by: -8).map { UInt8(truncatingIfNeeded: value >> $0) }
        }
        func chunk(_ name: String, _ content: [UInt8]) -> [UInt8] {
            let body = Array(name.utf8) + content
            return bigEndian(UInt32(content.count)) + body + bigEndian(checksum(body))
        }
        return Data(
            [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
                + chunk(
                    "IHDR", bigEndian(UInt32(width)) + bigEndian(UInt32(height)) + [8, 2, 0, 0, 0])
                + chunk("IDAT", [0x78, 0x9C]))
    }

    /// CRC-32, bit by bit.
    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        var sum = ~UInt32(0)
        for byte in bytes {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0xEDB8_8320 : sum >> 1 }
        }
        return ~sum
    }
}
