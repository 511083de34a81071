import FileTestSupport

/// Makes inputs out of valid ones: bits, bytes, numbers and pieces changed, doubled, removed, moved.
struct Mutator {
    private var generator: SeededGenerator
    private let seeds: [[UInt8]]
    private let tokens: [[UInt8]]
    private let isText: Bool

    private static let mostBytes = 1 << 22
    private static let integers: [UInt64] = [
        0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x1_0000, 0x7FFF_FFFF, 0x8000_0000,
        0xFFFF_FFFF, 1 << 32, 1 << 40, 1 << 53, 0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000,
        0xFFFF_FFFF_FFFF_FFFE, 0xFFFF_FFFF_FFFF_FFFF,
    ]
    private static let decimals = [
        "0", "-0", "1", "-1", "7", "9", "10", "127", "128", "255", "256", "1024", "65536", "1048576",
        "1048577",
        "2147483647", "2147483648", "4294967296", "9007199254740993", "9223372036854775807",
        "9223372036854775808", "-9223372036854775808", "18446744073709551615", "99999999999999999999999999",
        "0.5", "1e19", "1e308", "1e400", "-1e400", "1e-400", "nan", "inf", "00", "0x10", "+5", "",
    ].map { Array($0.utf8) }

    /// A mutator whose inputs follow from `seed`.
    init(seed: UInt64, seeds: [[UInt8]], tokens: [[UInt8]], isText: Bool) {
        generator = SeededGenerator(state: seed)
        self.seeds = seeds
        self.tokens = tokens
        self.isText = isText
    }

    /// The next input.
    mutating func input() -> [UInt8] {
        var bytes = pick(seeds) ?? []
        // A text with many changes is none any more: half of them keep to one, and half of the changes to numbers.
        let changes = isText && number(below: 2) == 0 ? 1 : 1 << number(below: 5)
        for _ in 0..<changes {
            if isText, number(below: 2) == 0 { putDecimal(in: &bytes) } else { change(&bytes) }
        }
        return bytes.count > Self.mostBytes ? Array(bytes.prefix(Self.mostBytes)) : bytes
    }

    private mutating func change(_ bytes: inout [UInt8]) {
        switch number(below: 16) {
        case 0, 1: edit(&bytes) { byte, random in byte ^= 1 << UInt8(random & 7) }
        case 2: edit(&bytes) { byte, random in byte = UInt8(truncatingIfNeeded: random) }
        case 3: edit(&bytes) { byte, random in byte = [0, 1, 0x7F, 0x80, 0xFF, 0x20, 0x0A][Int(random % 7)] }
        case 4: edit(&bytes) { byte, random in byte &+= UInt8(truncatingIfNeeded: random % 17) &- 8 }
        case 5, 6: putInteger(in: &bytes)
        case 7, 8: putDecimal(in: &bytes)
        case 9: bytes.removeSubrange(range(in: bytes, most: 64))
        case 10: bytes.insert(contentsOf: bytes[range(in: bytes, most: 256)], at: place(in: bytes))
        case 11: insertToken(in: &bytes)
        case 12: replaceByToken(in: &bytes)
        case 13: bytes.removeLast(bytes.count - place(in: bytes))
        case 14: splice(&bytes)
        default: repeatPiece(in: &bytes)
        }
    }

    private mutating func edit(_ bytes: inout [UInt8], _ body: (inout UInt8, UInt64) -> Void) {
        guard !bytes.isEmpty else { return }
        body(&bytes[min(place(in: bytes), bytes.count - 1)], generator.next())
    }

    /// A number of 1 to 8 bytes, either end first, that lengths and counts trip over.
    private mutating func putInteger(in bytes: inout [UInt8]) {
        let size = 1 << number(below: 4)
        guard bytes.count >= size else { return }
        let value = pick(Self.integers) ?? 0
        let isBigEndian = number(below: 4) == 0
        let start = min(place(in: bytes), bytes.count - size)
        for index in 0..<size {
            let shift = UInt64(8 * (isBigEndian ? size - 1 - index : index))
            bytes[start + index] = UInt8(truncatingIfNeeded: value >> shift)
        }
    }

    /// Another number in the place of one in decimal.
    private mutating func putDecimal(in bytes: inout [UInt8]) {
        let isDigit = { (byte: UInt8) in (0x30...0x39).contains(byte) }
        let start = place(in: bytes)
        guard let first = bytes[start...].firstIndex(where: isDigit) else { return }
        let end = bytes[first...].firstIndex { !isDigit($0) } ?? bytes.count
        bytes.replaceSubrange(first..<end, with: pick(Self.decimals) ?? [])
    }

    private mutating func insertToken(in bytes: inout [UInt8]) {
        bytes.insert(
            contentsOf: pick(tokens) ?? [UInt8(truncatingIfNeeded: generator.next())], at: place(in: bytes))
    }

    private mutating func replaceByToken(in bytes: inout [UInt8]) {
        guard let token = pick(tokens) else { return insertToken(in: &bytes) }
        let start = place(in: bytes)
        bytes.replaceSubrange(start..<min(bytes.count, start + token.count), with: token)
    }

    /// The end of another input behind the beginning of this one.
    private mutating func splice(_ bytes: inout [UInt8]) {
        guard let other = pick(seeds) else { return }
        let cut = place(in: bytes)
        bytes.removeLast(bytes.count - cut)
        bytes += other[place(in: other)...]
    }

    /// A piece again and again: now and then often enough to fill memory, if each took much.
    private mutating func repeatPiece(in bytes: inout [UInt8]) {
        let piece = Array(bytes[range(in: bytes, most: 16)])
        guard !piece.isEmpty else { return }
        let count = 1 << number(below: number(below: 16) == 0 ? 20 : 8)
        let copies = Array(repeatElement(piece, count: min(count, Self.mostBytes / piece.count)).joined())
        bytes.insert(contentsOf: copies, at: place(in: bytes))
    }

    /// Anywhere, half of the time near one of the ends, where headers are.
    private mutating func place(in bytes: [UInt8]) -> Int {
        let count = bytes.count + 1
        switch number(below: 4) {
        case 0: return number(below: min(count, 512))
        case 1: return count - 1 - number(below: min(count, 512))
        default: return number(below: count)
        }
    }

    private mutating func range(in bytes: [UInt8], most: Int) -> Range<Int> {
        let start = place(in: bytes)
        return start..<min(bytes.count, start + 1 + number(below: most))
    }

    private mutating func number(below limit: Int) -> Int { Int.random(in: 0..<limit, using: &generator) }

    private mutating func pick<Element>(_ elements: [Element]) -> Element? {
        elements.randomElement(using: &generator)
    }
}
