import Datasets
import Foundation
import Testing

@Suite struct ImageFormatTests {
    @Test(arguments: [ImageFormat.cifar10, .cifar100])
    func `A description reads back the same`(_ format: ImageFormat) throws {
        let read = try JSONDecoder().decode(ImageFormat.self, from: try JSONEncoder().encode(format))
        #expect(read == format)
        #expect(read.imageBytes == 3072 && read.planeBytes == 1024)
    }

    @Test func `A description without a padding byte has black`() throws {
        let black = ImageFormat.cifar10
        #expect(black.paddingByte == 0)
        let format = ImageFormat(
            name: black.name, channels: black.channels, height: black.height, width: black.width,
            classNames: black.classNames, mean: black.mean, standardDeviation: black.standardDeviation,
            paddingByte: 128)
        let text = String(decoding: try JSONEncoder().encode(format), as: UTF8.self)
        let without = text.replacing(/,?"padding_byte":128/, with: "").replacing("{,", with: "{")
        try #require(without != text, "\(text)")
        #expect(try JSONDecoder().decode(ImageFormat.self, from: Data(text.utf8)) == format)
        #expect(try JSONDecoder().decode(ImageFormat.self, from: Data(without.utf8)) == black)
    }

    @Test(arguments: [
        ("\"channels\":3", "\"channels\":0"), ("\"channels\":3", "\"channels\":2"),
        ("\"height\":32", "\"height\":-32"), ("\"height\":32", "\"height\":9000000000000000000"),
        ("\"width\":32", "\"width\":0"), ("0.247", "0"), ("0.247", "-1"), ("0.482,", ""),
    ])
    func `Images that cannot be are refused, not believed`(_ sound: String, _ unsound: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let text = String(decoding: try encoder.encode(ImageFormat.cifar10), as: UTF8.self)
        let changed = text.replacingOccurrences(of: sound, with: unsound)
        try #require(changed != text, "\(text)")
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(ImageFormat.self, from: Data(changed.utf8))
        }
    }
}
