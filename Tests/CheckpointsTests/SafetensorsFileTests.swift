import Checkpoints
import FileTestSupport
import Foundation
import Testing

@Suite struct SafetensorsFileTests {
    /// A file with the given header, padded as it should be, and a body of `body` bytes.
    static func file(_ header: String, body: Int = 0) -> Data {
        let text = Data(header.utf8)
        return size(text.count) + text + Data(count: body)
    }

    static func size(_ value: Int) -> Data {
        withUnsafeBytes(of: UInt64(bitPattern: Int64(value)).littleEndian) { Data($0) }
    }

    static func entry(_ dtype: String, _ shape: String, _ begin: String, _ end: String) -> String {
        #"{"dtype":"\#(dtype)","shape":\#(shape),"data_offsets":[\#(begin),\#(end)]}"#
    }

    @Test func `What was serialized parses to the same tensors and metadata`() throws {
        let checkpoint = try sampleCheckpoint()
        let file = SafetensorsFile(
            tensors: checkpoint.tensors, metadata: ["a\"\\\n\u{1}": "ü 😀 \r\t", "": ""])
        let bytes = try file.serialized()
        let parsed = try SafetensorsFile.parse(bytes)
        #expect(byName(parsed.tensors) == byName(file.tensors))
        #expect(parsed.metadata == file.metadata)
        #expect(try parsed.serialized() == bytes)
        var reversed = file
        reversed.tensors.reverse()
        #expect(try reversed.serialized() == bytes)
    }

    @Test func `The bytes are exactly those of the format`() throws {
        let file = SafetensorsFile(
            tensors: [
                try NamedTensor(name: "b", elementType: .uint8, shape: [1], bytes: Data([9])),
                try NamedTensor(name: "a", shape: [1], floats: [1]),
            ], metadata: ["k": "v"])
        let header =
            #"{"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"#
            + #""b":{"dtype":"U8","shape":[1],"data_offsets":[4,5]}}"#
        let padding = String(repeating: " ", count: -header.utf8.count & 7)
        let expected = Self.file(header + padding) + Data([0, 0, 0x80, 0x3f, 9])
        #expect(try file.serialized() == expected)
        #expect((header + padding).utf8.count % 8 == 0)
        #expect(try SafetensorsFile(tensors: []).serialized() == Self.file("{}      "))
    }

    @Test func `Two tensors of one name, and the name of the metadata, are refused`() throws {
        let tensor = try NamedTensor(name: "a", shape: [1], floats: [1])
        #expect(throws: SafetensorsError.self) {
            try SafetensorsFile(tensors: [tensor, tensor]).serialized()
        }
        let reserved = try NamedTensor(name: "__metadata__", shape: [1], floats: [1])
        #expect(throws: SafetensorsError.self) { try SafetensorsFile(tensors: [reserved]).serialized() }
    }

    @Test func `Headers in any order, with spaces and escapes, are read`() throws {
        let header = """
            { "b" : {"data_offsets":[4,8],"shape":[ ],"dtype":"I32"} ,
            "\\u00e4\\ud83d\\ude00\\n" : {"dtype":"F32","shape":[1, 1],"data_offsets":[0,4]}}\t
            """
        let file = try SafetensorsFile.parse(Self.file(header, body: 8))
        #expect(file.tensors.map(\.name) == ["ä😀\n", "b"])
        #expect(file.tensors.map(\.shape) == [[1, 1], []])
    }

    static let max = "9223372036854775807"
    static let hostile: [(String, Data)] = [
        ("nothing", Data()),
        ("less than a size", Data(count: 7)),
        ("an empty header", size(0)),
        ("a negative size", size(-1)),
        ("the largest size", size(.max)),
        ("more than the limit", size(100_000_001) + Data(count: 100)),
        ("more than there is", size(3) + Data("{}".utf8)),
        ("not an object", file("[]")),
        ("a space before it", file(" {}")),
        ("text after it", file("{} x")),
        ("an unfinished object", file("{")),
        ("a comma too many", file("{\"a\":\(entry("U8", "[1]", "0", "1")),}", body: 1)),
        (
            "no comma",
            file("{\"a\":\(entry("U8", "[1]", "0", "1"))\"b\":\(entry("U8", "[]", "1", "2"))}", body: 2)
        ),
        ("a body without a tensor", file("{}", body: 1)),
        ("a body too short", file("{\"a\":\(entry("U8", "[2]", "0", "2"))}", body: 1)),
        ("a body too long", file("{\"a\":\(entry("U8", "[2]", "0", "2"))}", body: 3)),
        ("a hole before", file("{\"a\":\(entry("U8", "[1]", "1", "2"))}", body: 2)),
        (
            "a hole between",
            file("{\"a\":\(entry("U8", "[1]", "0", "1")),\"b\":\(entry("U8", "[1]", "2", "3"))}", body: 3)
        ),
        (
            "an overlap",
            file("{\"a\":\(entry("U8", "[2]", "0", "2")),\"b\":\(entry("U8", "[2]", "1", "3"))}", body: 3)
        ),
        (
            "the same bytes twice",
            file("{\"a\":\(entry("U8", "[2]", "0", "2")),\"b\":\(entry("U8", "[2]", "0", "2"))}", body: 2)
        ),
        ("an end before the beginning", file("{\"a\":\(entry("U8", "[]", "1", "0"))}", body: 1)),
        ("a size that is not the shape's", file("{\"a\":\(entry("F32", "[2]", "0", "4"))}", body: 4)),
        ("a shape that overflows", file("{\"a\":\(entry("F32", "[\(max),\(max)]", "0", "4"))}", body: 4)),
        ("a shape that wraps to 0", file("{\"a\":\(entry("U8", "[4294967296,4294967296]", "0", "0"))}")),
        ("an integer above 2⁶³", file("{\"a\":\(entry("U8", "[9223372036854775808]", "0", "1"))}", body: 1)),
        ("a negative dimension", file("{\"a\":\(entry("U8", "[-1]", "0", "1"))}", body: 1)),
        ("a fraction", file("{\"a\":\(entry("U8", "[1.0]", "0", "1"))}", body: 1)),
        ("an exponent", file("{\"a\":\(entry("U8", "[1e0]", "0", "1"))}", body: 1)),
        ("a leading zero", file("{\"a\":\(entry("U8", "[01]", "0", "1"))}", body: 1)),
        ("huge offsets", file("{\"a\":\(entry("U8", "[1]", max, max))}", body: 1)),
        ("one offset", file(#"{"a":{"dtype":"U8","shape":[],"data_offsets":[0]}}"#, body: 1)),
        ("an unknown type", file("{\"a\":\(entry("F31", "[1]", "0", "1"))}", body: 1)),
        ("an unknown key", file(#"{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1],"x":1}}"#, body: 1)),
        ("no shape", file(#"{"a":{"dtype":"U8","data_offsets":[0,1]}}"#, body: 1)),
        ("a shape twice", file(#"{"a":{"dtype":"U8","shape":[],"shape":[],"data_offsets":[0,1]}}"#, body: 1)),
        (
            "a name twice",
            file("{\"a\":\(entry("U8", "[]", "0", "1")),\"a\":\(entry("U8", "[]", "1", "2"))}", body: 2)
        ),
        ("metadata that is not text", file(#"{"__metadata__":{"a":1}}"#)),
        ("metadata twice", file(#"{"__metadata__":{},"__metadata__":{}}"#)),
        ("a metadata key twice", file(#"{"__metadata__":{"a":"","a":""}}"#)),
        ("half a surrogate pair", file(#"{"__metadata__":{"a":"\ud800"}}"#)),
        ("the wrong half", file(#"{"__metadata__":{"a":"\udc00"}}"#)),
        ("two upper halves", file(#"{"__metadata__":{"a":"\ud800\ud800"}}"#)),
        ("an escape cut short", file(#"{"__metadata__":{"a":"\u00"#)),
        ("an unknown escape", file(#"{"__metadata__":{"a":"\x"}}"#)),
        ("a line break in a string", file("{\"__metadata__\":{\"a\":\"\n\"}}")),
        (
            "invalid UTF-8",
            size(24) + Data(#"{"__metadata__":{"a":""#.utf8) + Data([0xff]) + Data("\"}}".utf8)
        ),
        ("deep nesting", file(String(repeating: "{\"a\":", count: 200_000))),
        ("deep lists", file("{\"a\":" + String(repeating: "[", count: 200_000))),
    ]

    @Test(arguments: hostile.indices)
    func `Hostile bytes are an error`(index: Int) {
        let (name, file) = Self.hostile[index]
        #expect(throws: SafetensorsError.self, "\(name)") { try SafetensorsFile.parse(file) }
    }

    @Test func `Random changes of a header never do more than throw`() throws {
        let original = try SafetensorsFile(tensors: try sampleCheckpoint(hidden: 2).tensors).serialized()
        let headerSize = Int(original[0]) + Int(original[1]) << 8 + 8
        var generator = SeededGenerator(state: 5)
        var refused = 0
        for _ in 0..<5000 {
            var file = original
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                file[Int.random(in: 0..<headerSize, using: &generator)] = .random(
                    in: 0...255, using: &generator)
            }
            do { _ = try SafetensorsFile.parse(file) } catch { refused += 1 }
        }
        #expect(refused > 4000)
    }
}
