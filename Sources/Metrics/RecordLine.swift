internal import Foundation

/// The position at which a line of one of our files was recorded.
struct RecordLine {
    let epoch: Int
    let step: Int

    /// Reads the beginning of a row of CSV, `3,1170,…`.
    init?(csv line: Data) {
        var fields = line.split(separator: UInt8(ascii: ","), maxSplits: 2).makeIterator()
        guard let epoch = fields.next().flatMap(Self.natural), let step = fields.next().flatMap(Self.natural),
            fields.next() != nil
        else { return nil }
        self.epoch = epoch
        self.step = step
    }

    /// Reads the beginning of a line of JSON, `{"epoch":3,"step":1170,…}`.
    init?(json line: Data) {
        let keys = [Data(#"{"epoch":"#.utf8), Data(#""step":"#.utf8)]
        var fields = line.split(separator: UInt8(ascii: ","), maxSplits: 2).makeIterator()
        guard line.last == UInt8(ascii: "}"), let first = fields.next(), let second = fields.next(),
            first.starts(with: keys[0]), second.starts(with: keys[1]),
            let epoch = Self.natural(first.dropFirst(keys[0].count)),
            let step = Self.natural(second.dropFirst(keys[1].count))
        else { return nil }
        self.epoch = epoch
        self.step = step
    }

    private static func natural(_ digits: Data) -> Int? {
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

    init(_ contents: Data, keeping isKept: (RecordLine) -> Bool, parsing parse: (Data) -> RecordLine?) {
        var rest = contents[...]
        while !rest.isEmpty {
            let line = rest.prefix { $0 != UInt8(ascii: "\n") }
            let isWhole = line.endIndex < rest.endIndex
            rest = rest.dropFirst(line.count + 1)
            guard isWhole, let record = parse(line) else {
                malformed += 1
                continue
            }
            guard isKept(record) else {
                later += 1
                continue
            }
            text.append(line)
            text.append(UInt8(ascii: "\n"))
            lastStep = max(lastStep, record.step)
        }
    }
}
