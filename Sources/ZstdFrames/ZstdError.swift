public import Foundation

/// Why bytes are not a zstd frame that can be used, or why none could be made.
public enum ZstdError: Error, Sendable, Equatable, CustomStringConvertible, LocalizedError {
    /// The bytes do not begin with zstd's magic number; `found` is what they begin with, at most 4 bytes.
    case notAFrame(found: [UInt8])
    /// The frame goes on after the last of `available` bytes.
    case truncated(available: Int)
    /// The frame is damaged: zstd's own words, such as "Restored data doesn't match checksum".
    case corrupt(reason: String)
    /// The frame is whole, and `count` bytes follow that do not belong to it.
    case trailingBytes(count: Int)
    /// The frame holds more than the `limit` bytes that the caller takes.
    case tooLarge(limit: Int)
    /// The frame has no content checksum, so damage could go unnoticed.
    case noChecksum
    /// There is no memory to decompress the frame, whatever it holds.
    case noMemory
    /// zstd could not compress: its own words.
    case compression(reason: String)

    /// One line: expected and found.
    public var description: String {
        switch self {
        case .notAFrame(let found):
            let bytes = found.isEmpty ? "nothing" : ZstdFrame.hexadecimal(found)
            return "expected a zstd frame (\(ZstdFrame.hexadecimal(ZstdFrame.magicNumber))), found \(bytes)"
        case .truncated(let available):
            return "truncated: the zstd frame goes on after the last of \(available) bytes"
        case .corrupt(let reason):
            return "corrupt zstd frame: \(reason)"
        case .trailingBytes(let count):
            return "expected the end of the file after one zstd frame, found \(count) more bytes"
        case .tooLarge(let limit):
            return "the zstd frame holds more than \(limit) bytes"
        case .noChecksum:
            return "expected a zstd frame with a content checksum, found one without"
        case .noMemory:
            return "expected memory to decompress the zstd frame, found none left"
        case .compression(let reason):
            return "zstd cannot compress: \(reason)"
        }
    }

    /// Whether the bytes are wrong, rather than merely not to be read here and now.
    public var isDamage: Bool {
        switch self {
        case .notAFrame, .truncated, .corrupt, .trailingBytes, .noChecksum: true
        case .tooLarge, .noMemory, .compression: false
        }
    }

    /// The same as `description`.
    public var errorDescription: String? { description }
}
