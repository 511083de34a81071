import Datasets
import Foundation
import Tensors
import Testing

/// A damaged pickle may still be a pickle; it must give valid records or an error, and never trap.
@Suite struct PickleFuzzTests {
    private static func tryOut(_ bytes: [UInt8]) -> Bool {
        do {
            let records = try PythonBatch.records(in: bytes, location: "file")
            #expect(records.count > 0 && records.pixels.count == records.count * 3072)
            #expect(records.labels.allSatisfy { $0 < 10 })
            return true
        } catch {
            #expect(error is DatasetError)
            return false
        }
    }

    /// All places but most of the pixels.
    private static func places(_ count: Int) -> [Int] {
        (0..<count).filter { $0 < 500 || $0 > count - 300 || $0 % 97 == 0 }
    }

    @Test(arguments: Fixture.batches)
    func `Any byte may be wrong`(_ name: String) throws {
        let bytes = try Fixture.bytes(name)
        var random = RandomStream(seed: 1, purpose: .testing)
        var accepted = 0
        var tried = 0
        for place in Self.places(bytes.count) {
            for change in [1, 0x80, 0xFF, UInt8(random.integer(below: 255) + 1)] {
                var damaged = bytes
                damaged[place] ^= change
                accepted += Self.tryOut(damaged) ? 1 : 0
                tried += 1
            }
        }
        // Damage to the pixels and file names goes unnoticed, damage to the structure does not.
        #expect(accepted > 0 && accepted < tried)
    }

    @Test(arguments: Fixture.batches)
    func `A file may end anywhere`(_ name: String) throws {
        let bytes = try Fixture.bytes(name)
        for count in Self.places(bytes.count) { #expect(!Self.tryOut(Array(bytes.prefix(count)))) }
    }

    @Test func `Bytes may be missing or doubled`() throws {
        let bytes = try Fixture.bytes("python3-numpy2-protocol5")
        for place in Self.places(bytes.count) {
            _ = Self.tryOut(Array(bytes[..<place] + bytes[(place + 1)...]))
            _ = Self.tryOut(Array(bytes[...place] + bytes[place...]))
        }
    }

    @Test func `Any opcodes may follow one another`() throws {
        let opcodes: [[UInt8]] =
            [
                [0x95, 1, 0, 0, 0, 0, 0, 0, 0], [0x8A, 8, 1, 2, 3, 4, 5, 6, 7, 0xFF], [0x8A, 0], [0x8A, 9],
                [0x4D, 0, 12], [0x4A, 0xFF, 0xFF, 0xFF, 0xFF], [0x4B, 3], [0x55, 2, 0x75, 0x31],
                [0x8C, 1, 0x43],
                [0x58, 6, 0, 0, 0] + Array("latin1".utf8),
                [0x8E, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
                [0x8E, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F], [0x71, 1], [0x72, 0, 0, 0, 0x80],
                [0x68, 1],
                [0x6A, 0, 0, 0, 0x80], [0x68, 0], [0x71, 0],
            ]
            + [
                "numpy.core.multiarray\n_reconstruct", "numpy\nndarray", "numpy\ndtype", "_codecs\nencode",
                "numpy._core.numeric\n_frombuffer",
            ].map { Array("c\($0)\n".utf8) }
            + "N()01t]}aesuRb".utf8.map { [$0] } + [0x88, 0x89, 0x85, 0x86, 0x87, 0x94, 0x93].map { [$0] }
        var random = RandomStream(seed: 2, purpose: .testing)
        for _ in 0..<30_000 {
            var bytes: [UInt8] = [0x80, 4]
            for _ in 0..<random.integer(below: 40) { bytes += opcodes[random.integer(below: opcodes.count)] }
            #expect(!Self.tryOut(bytes + [0x2E]))
        }
    }
}
