internal import Foundation

/// The checksum of TFRecord files: CRC-32C (Castagnoli, polynomial 0x1EDC6F41, reflected), masked.
enum CRC32C {
    private static let table: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { crc, _ in crc >> 1 ^ (crc & 1 == 1 ? 0x82f6_3b78 : 0) }
    }

    static func checksum(_ bytes: Data) -> UInt32 {
        ~bytes.reduce(~0) { crc, byte in crc >> 8 ^ table[Int((crc ^ UInt32(byte)) & 0xff)] }
    }

    /// Rotated right by 15 bits plus a constant, so that a checksum of data that holds checksums stays useful.
    static func masked(_ bytes: Data) -> UInt32 {
        let crc = checksum(bytes)
        return (crc >> 15 | crc << 17) &+ 0xa282_ead8
    }
}
