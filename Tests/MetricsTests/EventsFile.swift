import Foundation
import Testing

/// What a TensorBoard events file holds, read by the definitions of its format, without the code under test.
struct EventsFile {
    struct Event: Equatable {
        var wallTime = 0.0
        var step = 0
        var fileVersion: String?
        var sessionStatus: Int?
        var scalars: [String: Float] = [:]
        var histograms: [String: Histogram] = [:]
        var images: [String: Image] = [:]
    }

    struct Histogram: Equatable {
        let minimum: Double
        let maximum: Double
        let number: Double
        let limits: [Double]
        let buckets: [Double]
    }

    struct Image: Equatable {
        let height: Int
        let width: Int
        let colorspace: Int
        let png: Data
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
            events.append(try Event(Data(payload)))
            rest = rest.dropFirst(16 + length)
        }
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

extension EventsFile.Event {
    /// An event by TensorFlow's event.proto and summary.proto; throws where a field has another type than there.
    init(_ message: Data) throws {
        let fields = try ProtobufFields(message)
        for field in fields.all { try #require([1, 2, 3, 5, 7].contains(field.number)) }
        wallTime = try #require(try fields.only(1)).double()
        step = try fields.only(2)?.int() ?? 0
        fileVersion = try fields.only(3)?.string()
        for (number, value) in try fields.only(5)?.message().all ?? [] {
            try #require(number == 1)
            let content = try value.message()
            let tag = try #require(try content.only(1)).string()
            if let image = try content.only(4) {
                images[tag] = try EventsFile.Image(image.message())
            } else if let histogram = try content.only(5) {
                histograms[tag] = try EventsFile.Histogram(histogram.message())
            } else {
                scalars[tag] = try #require(try content.only(2)).float()
            }
        }
        sessionStatus = try fields.only(7)?.message().only(1)?.int()
    }
}

extension EventsFile.Histogram {
    /// TensorFlow's histogram.proto.
    fileprivate init(_ fields: ProtobufFields) throws {
        minimum = try #require(try fields.only(1)).double()
        maximum = try #require(try fields.only(2)).double()
        number = try #require(try fields.only(3)).double()
        limits = try #require(try fields.only(6)).doubles()
        buckets = try #require(try fields.only(7)).doubles()
    }
}

extension EventsFile.Image {
    /// `Summary.Image` of summary.proto.
    fileprivate init(_ fields: ProtobufFields) throws {
        height = try #require(try fields.only(1)).int()
        width = try #require(try fields.only(2)).int()
        colorspace = try #require(try fields.only(3)).int()
        png = try #require(try fields.only(4)).data()
    }
}
