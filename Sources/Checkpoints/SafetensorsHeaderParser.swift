/// Parses the JSON header of a safetensors file, and nothing but this one shape of JSON.
///
/// A general JSON parser would take names twice, fractions as integers and deep nesting; here nothing recurses and every
/// integer is checked for overflow, so hostile bytes can do no more than be refused.
struct SafetensorsHeaderParser {
    struct Entry {
        let name: String
        let elementType: TensorElementType
        let shape: [Int]
        let begin: Int
        let end: Int
    }

    struct Header {
        var entries: [Entry] = []
        var metadata: [String: String] = [:]

        /// Bytes of all tensors, where the entries lie one behind the other.
        var bodySize: Int { entries.last?.end ?? 0 }
    }

    /// The most dimensions of a tensor, far more than any has.
    private static let mostDimensions = 64

    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func parse() throws(SafetensorsError) -> Header {
        guard bytes.first == UInt8(ascii: "{") else { throw unexpected("{ as its first byte") }
        var header = Header()
        var names: Set<String> = []
        try expect("{")
        var isFirst = true
        while try nextMember(&isFirst) {
            let name = try string()
            guard names.insert(name).inserted else {
                throw SafetensorsError("safetensors header: the name \(name) appears twice")
            }
            try expect(":")
            if name == "__metadata__" {
                header.metadata = try stringMap()
            } else {
                header.entries.append(try entry(name))
            }
        }
        skipSpace()
        guard position == bytes.count else { throw unexpected("nothing but spaces after the last }") }
        return header
    }

    private mutating func entry(_ name: String) throws(SafetensorsError) -> Entry {
        var elementType: TensorElementType?
        var shape: [Int]?
        var offsets: [Int]?
        try expect("{")
        var isFirst = true
        while try nextMember(&isFirst) {
            let key = try string()
            try expect(":")
            switch key {
            case "dtype" where elementType == nil:
                let found = try string()
                elementType = TensorElementType(rawValue: found)
                if elementType == nil {
                    throw SafetensorsError("tensor \(name): expected a known dtype, found \(found)")
                }
            case "shape" where shape == nil: shape = try integers()
            case "data_offsets" where offsets == nil: offsets = try integers()
            default:
                throw SafetensorsError(
                    "tensor \(name): expected dtype, shape and data_offsets once each, found \(key)")
            }
        }
        guard let elementType, let shape, let offsets, offsets.count == 2 else {
            throw SafetensorsError("tensor \(name): expected dtype, shape and two data_offsets")
        }
        return Entry(
            name: name, elementType: elementType, shape: shape, begin: offsets[0], end: offsets[1])
    }

    private mutating func stringMap() throws(SafetensorsError) -> [String: String] {
        var map: [String: String] = [:]
        try expect("{")
        var isFirst = true
        while try nextMember(&isFirst) {
            let key = try string()
            try expect(":")
            guard map.updateValue(try string(), forKey: key) == nil else {
                throw SafetensorsError("safetensors metadata: the key \(key) appears twice")
            }
        }
        return map
    }

    /// Whether another member follows in an object; passes the comma before it or the brace at the end.
    private mutating func nextMember(_ isFirst: inout Bool) throws(SafetensorsError) -> Bool {
        if skip("}") { return false }
        if !isFirst { try expect(",") }
        isFirst = false
        return true
    }

    private mutating func integers() throws(SafetensorsError) -> [Int] {
        var values: [Int] = []
        try expect("[")
        if skip("]") { return values }
        repeat {
            values.append(try integer())
            guard values.count <= Self.mostDimensions else {
                throw unexpected("at most \(Self.mostDimensions) integers")
            }
        } while skip(",")
        try expect("]")
        return values
    }

    private mutating func integer() throws(SafetensorsError) -> Int {
        skipSpace()
        let start = position
        var value = 0
        while position < bytes.count, bytes[position] >= 0x30, bytes[position] <= 0x39 {
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(Int(bytes[position] - 0x30))
            guard !overflow && !carry else { throw unexpected("an integer below 2⁶³") }
            value = sum
            position += 1
        }
        let digits = position - start
        guard digits > 0, digits == 1 || bytes[start] != UInt8(ascii: "0") else {
            position = start
            throw unexpected("a natural number")
        }
        return value
    }

    private mutating func string() throws(SafetensorsError) -> String {
        try expect("\"")
        var text: [UInt8] = []
        while true {
            guard position < bytes.count, bytes[position] >= 0x20 else {
                throw unexpected("the end of a string")
            }
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: text, as: UTF8.self) else {
                    throw SafetensorsError("safetensors header: a string is not valid UTF-8")
                }
                return string
            case UInt8(ascii: "\\"): try escape(&text)
            default: text.append(byte)
            }
        }
    }

    private mutating func escape(_ text: inout [UInt8]) throws(SafetensorsError) {
        guard position < bytes.count else { throw unexpected("an escaped character") }
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0c)
        case UInt8(ascii: "n"): text.append(0x0a)
        case UInt8(ascii: "r"): text.append(0x0d)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            var value = UInt32(try codeUnit())
            // The upper half of a pair needs the lower one; alone, neither is a character.
            if (0xd800..<0xdc00).contains(value) {
                guard position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
                    bytes[position + 1] == UInt8(ascii: "u")
                else { throw unexpected("the second half of a surrogate pair") }
                position += 2
                let low = UInt32(try codeUnit())
                guard (0xdc00..<0xe000).contains(low) else {
                    throw unexpected("the second half of a surrogate pair")
                }
                value = 0x10000 + (value - 0xd800) << 10 + (low - 0xdc00)
            }
            guard let scalar = Unicode.Scalar(value) else { throw unexpected("a Unicode character") }
            text.append(contentsOf: Array(String(Character(scalar)).utf8))
        default:
            position -= 1
            throw unexpected("an escaped character")
        }
    }

    private mutating func codeUnit() throws(SafetensorsError) -> UInt16 {
        guard position + 4 <= bytes.count else { throw unexpected("four hexadecimal digits") }
        var value: UInt16 = 0
        for byte in bytes[position..<position + 4] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
                throw unexpected("four hexadecimal digits")
            }
            value = value << 4 | UInt16(digit)
        }
        position += 4
        return value
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(SafetensorsError) {
        guard skip(character) else { throw unexpected(String(character)) }
    }

    private mutating func skip(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while position < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[position]) { position += 1 }
    }

    private func unexpected(_ expected: String) -> SafetensorsError {
        let found = position < bytes.count ? "byte \(bytes[position])" : "the end"
        return SafetensorsError(
            "safetensors header at byte \(position): expected \(expected), found \(found)")
    }
}
