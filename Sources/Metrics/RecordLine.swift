internal import Foundation

/// The position at which a line of one of our files was recorded.
struct RecordLine {
    let epoch: Int
    let step: Int

    private static let epochKey = [UInt8](#"{"epoch":"#.utf8)
    private static let stepKey = [UInt8](#""step":"#.utf8)

    /// Reads the beginning of a row of CSV, `3,1170,…`.
    init?(csv line: ArraySlice<UInt8>) {
        var fields = line.split(separator: UInt8(ascii: ","), maxSplits: 2).makeIterator()
        guard let epoch = fields.next().flatMap(Self.natural), let step = fields.next().flatMap(Self.natural),
            fields.next() != nil
        else { return nil }
        self.epoch = epoch
        self.step = step
    }

    /// Reads the beginning of a line of JSON, `{"epoch":3,"step":1170,…}`.
    init?(json line: ArraySlice<UInt8>) {
        var fields = line.split(separator: UInt8(ascii: ","), maxSplits: 2).makeIterator()
        guard line.last == UInt8(ascii: "}"), let first = fields.next(), let second = fields.next(),
            first.starts(with: Self.epochKey), second.starts(with: Self.stepKey),
            let epoch = Self.natural(first.dropFirst(Self.epochKey.count)),
            let step = Self.natural(second.dropFirst(Self.stepKey.count))
        else { return nil }
        self.epoch = epoch
        self.step = step
    }

    private static func natural(_ digits: ArraySlice<UInt8>) -> Int? {
        guard !digits.isEmpty else { return nil }
        var value = 0
        for digit in digits {
            guard (0x30...0x39).contains(digit) else { return nil }
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(Int(digit - 0x30))
            if overflow || carry { return nil }
            value = sum
        }
        return value
    }
}

/// The lines of a text, and what of them is kept when a run goes on from a position.
struct KeptLines {
    /// The kept lines, each with its newline.
    private(set) var text = Data()
    /// How many lines were not records, the last one without a newline included.
    private(set) var malformed = 0
    /// How many lines were recorded after the position.
    private(set) var later = 0
    /// The last step that is kept.
    private(set) var lastStep = 0

    init(
        _ contents: Data, keeping isKept: (RecordLine) -> Bool,
        parsing parse: (ArraySlice<UInt8>) -> RecordLine?
    ) {
        // An array: going through a long log byte by byte takes several times as long in Data.
        var rest = [UInt8](contents)[...]
        while !rest.isEmpty {
            guard let end = rest.firstIndex(of: UInt8(ascii: "\n")) else {
                malformed += 1
                break
            }
            let line = rest[rest.startIndex..<end]
            let withNewline = rest[rest.startIndex...end]
            rest = rest[(end + 1)...]
            if let record = parse(line) {
                if isKept(record) {
                    text.append(contentsOf: withNewline)
                    lastStep = max(lastStep, record.step)
                } else {
                    later += 1
                }
            } else {
                malformed += 1
            }
        }
    }
}
