import Foundation
import Metrics
import Testing

/// What a TensorBoard events file holds, read by the definitions of its format, without the code under test.
struct EventsFile {
    struct Event: Equatable {
        var step = 0
        var fileVersion: String?
        var sessionStatus: Int?
        var scalars: [String: Float] = [:]
    }

    var events: [Event] = []

    init(_ file: Data) throws {
        var rest = file[...]
        while !rest.isEmpty {
            let length = Self.integer(rest.prefix(8))
            try #require(Self.integer(rest.dropFirst(8).prefix(4)) == Self.maskedCRC(rest.prefix(8)))
            let payload = rest.dropFirst(12).prefix(length)
            try #require(payload.count == length)
            try #require(Self.integer(rest.dropFirst(12 + length).prefix(4)) == Self.maskedCRC(payload))
            events.append(try Self.event(payload))
            rest = rest.dropFirst(16 + length)
        }
    }

    private static func event(_ bytes: Data) throws -> Event {
        var event = Event()
        for (field, value, number) in try fields(bytes) {
            switch field {
            case 2: event.step = number
            case 3: event.fileVersion = String(decoding: value, as: UTF8.self)
            case 5:
                for (_, summary, _) in try fields(value) {
                    let parts = try fields(summary)
                    let tag = try #require(parts.first { $0.field == 1 })
                    let scalar = try #require(parts.first { $0.field == 2 })
                    event.scalars[String(decoding: tag.value, as: UTF8.self)] =
                        Float(bitPattern: UInt32(scalar.number))
                }
            case 7: event.sessionStatus = try #require(try fields(value).first { $0.field == 1 }).number
            default: break
            }
        }
        return event
    }

    /// The fields of a protobuf message: bytes of those that have a length, numbers of the others.
    private static func fields(_ bytes: Data) throws -> [(field: Int, value: Data, number: Int)] {
        var rest = bytes[...]
        var fields: [(Int, Data, Int)] = []
        func varint() throws -> Int {
            var value = 0
            var shift = 0
            while let byte = rest.popFirst() {
                value |= Int(byte & 0x7f) << shift
                if byte < 0x80 { return value }
                shift += 7
            }
            throw CocoaError(.fileReadCorruptFile)
        }
        while !rest.isEmpty {
            let key = try varint()
            switch key & 7 {
            case 0: fields.append((key >> 3, Data(), try varint()))
            case 2:
                let length = try varint()
                fields.append((key >> 3, Data(rest.prefix(length)), 0))
                rest = rest.dropFirst(length)
            default:
                let size = key & 7 == 1 ? 8 : 4
                fields.append((key >> 3, Data(), integer(rest.prefix(size))))
                rest = rest.dropFirst(size)
            }
        }
        return fields
    }

    private static func integer(_ bytes: Data) -> Int {
        Int(truncatingIfNeeded: bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
    }

    /// Bit by bit, by the definition.
    static func crc(_ bytes: Data) -> UInt32 {
        var crc = UInt32.max
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0x82f6_3b78 : crc >> 1 }
        }
        return ~crc
    }

    private static func maskedCRC(_ bytes: Data) -> Int {
        let crc = crc(bytes)
        return Int((crc >> 15 | crc << 17) &+ 0xa282_ead8)
    }
}

@Suite struct TensorBoardSinkTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func events(_ sink: TensorBoardSink) throws -> [EventsFile.Event] {
        try EventsFile(try Data(contentsOf: URL(filePath: sink.path))).events
    }

    @Test func `The checksum of this test is CRC-32C`() {
        #expect(EventsFile.crc(Data("123456789".utf8)) == 0xe306_9283)
    }

    @Test func `The file has its version, each interval's steps and each epoch`() throws {
        let sink = try TensorBoardSink(directory: folder.path, stepInterval: 5)
        try record(1...10, in: sink)
        try sink.close()
        let events = try events(sink)
        #expect(events.map(\.step) == [0, 5, 10, 10])
        #expect(events[0].fileVersion == "brain.Event:2")
        #expect(events[1].scalars == ["loss/step": 0.4, "accuracy/step": 0.25, "learning_rate": 0.1])
        #expect(events[3].scalars == ["loss/train": 1, "accuracy/train": 0.5, "images_per_second": 25_000])
    }

    @Test func `A validation and, without steps, the learning rate are written; zero is written too`() throws
    {
        let sink = try TensorBoardSink(directory: folder.path)
        var epoch = sampleEpoch(2)
        epoch.trainLoss = 0
        try sink.recordEpoch(epoch)
        #expect(
            try events(sink).last?.scalars == [
                "loss/train": 0, "accuracy/train": 0.5, "images_per_second": 25_000, "loss/validation": 1.5,
                "accuracy/validation": 0.3, "learning_rate": 1e-5,
            ])
    }

    @Test func `A run that goes on writes a new, later file that starts a session after its step`() throws {
        let first = try TensorBoardSink(directory: folder.path)
        try first.close()
        let before = try Data(contentsOf: URL(filePath: first.path))
        let second = try TensorBoardSink(
            directory: folder.path, opening: .continuing(MetricsPosition(epoch: 3, step: 35)))
        #expect(second.path > first.path)
        let start = try #require(try events(second).last)
        #expect(start.sessionStatus == 1)
        #expect(start.step == 36)
        #expect(try Data(contentsOf: URL(filePath: first.path)) == before)
    }

    @Test func `The name is one that TensorBoard looks for`() throws {
        let sink = try TensorBoardSink(directory: folder.path)
        let name = try #require(try folder.names().first)
        #expect(sink.path == folder.path(name))
        #expect(name.hasPrefix("events.out.tfevents."))
        #expect(name.hasSuffix(".\(ProcessInfo.processInfo.processIdentifier)"))
        #expect(name.split(separator: ".")[3].count == 10)
    }

    @Test func `A folder that is not there is named with the reason`() {
        let path = folder.path("none")
        let error = #expect(throws: MetricsError.self) { try TensorBoardSink(directory: path) }
        #expect(error?.description == "cannot list \(path): No such file or directory")
    }
}
