internal import CZstd
internal import Foundation

/// What the first bytes of a frame say about it.
struct FrameHeader {
    let hasChecksum: Bool
    /// Bytes of content; nil where the frame does not say.
    let statedSize: UInt64?

    init(_ frame: Data) throws(ZstdError) {
        let start = Array(frame.prefix(5))
        guard start.prefix(4).elementsEqual(ZstdFrame.magicNumber.prefix(start.count)), !start.isEmpty else {
            throw .notAFrame(found: Array(start.prefix(4)))
        }
        guard start.count == 5 else { throw .truncated(available: start.count) }
        let descriptor = start[4]
        // Bit 4 has no meaning yet and zstd ignores it; none of our frames sets it.
        guard descriptor & 0x10 == 0 else { throw .corrupt(reason: "an unused bit of the header is set") }
        hasChecksum = descriptor & 0x04 != 0
        let size = frame.withUnsafeBytes { ZSTD_getFrameContentSize($0.baseAddress, $0.count) }
        // The two values above zstd's largest size mean "unknown" and "error".
        statedSize = size < UInt64.max - 1 ? size : nil
    }
}
