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

    @Test func `Outside an image is what the format says, black in one that was stored without it`() throws {
        let format = ImageFormat(
            name: "grey", channels: 1, height: 2, width: 2, classNames: ["a"], mean: [0],
            standardDeviation: [1], paddingByte: 128)
        let text = String(decoding: try JSONEncoder().encode(format), as: UTF8.self)
        #expect(text.contains("\"padding_byte\":128"))
        #expect(try JSONDecoder().decode(ImageFormat.self, from: Data(text.utf8)) == format)
        let older = text.replacing(/,"padding_byte":128|"padding_byte":128,/, with: "")
        #expect(try JSONDecoder().decode(ImageFormat.self, from: Data(older.utf8)).paddingByte == 0)
        #expect(ImageFormat.cifar10.paddingByte == 0)
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
