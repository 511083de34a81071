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

    /// How much room to begin with: the stated size, but never much more than `compressed` bytes suggest, so
    /// that a hostile frame cannot ask for memory that it has no content for.
    func firstCapacity(compressed: Int, limit: Int) -> Int {
        let plausible = min(compressed, 1 << 40) * 16 + (1 << 16)
        let stated = statedSize.map { Int(clamping: $0) } ?? plausible
        // One byte more than stated, so that the decoder reaches the end of the frame without a second pass.
        return min(limit, plausible, stated == .max ? stated : stated + 1)
    }
}
