import FileTestSupport
import Foundation
import Testing
import ZstdFrames

@Suite struct ZstdFrameTests {
    /// Half repetition, half noise.
    static let contents: Data = {
        var generator = SeededGenerator(state: 1)
        let noise = (0..<50_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
        return Data(repeating: 7, count: 50_000) + Data(noise)
    }()

    @Test(arguments: [-5, 1, 3, 19, 1000])
    func `What was compressed decompresses to the same bytes`(level: Int) throws {
        for contents in [Data(), Data([42]), Self.contents] {
            let frame = try ZstdFrame.compress(contents, level: level)
            #expect(frame.starts(with: ZstdFrame.magicNumber))
            #expect(try ZstdFrame.decompress(frame) == contents)
        }
    }

    @Test func `Pieces make one frame, which is handed on a little at a time`() throws {
        let pieces = [
            Self.contents.prefix(70_001), Data(), Self.contents.dropFirst(70_001), Data(count: 900_000),
        ]
        for pieces in [pieces, [], [Data()]] {
            var frame = Data()
            var largest = 0
            try ZstdFrame.compress(pieces, level: 1) {
                frame.append(contentsOf: $0)
                largest = max(largest, $0.count)
            }
            #expect(try ZstdFrame.decompress(frame) == Data(pieces.joined()))
            #expect(try ZstdFrameReader(frame).statedSize == UInt64(pieces.reduce(0) { $0 + $1.count }))
            #expect(largest <= 1 << 18)
        }
    }

    @Test func `What the taker of a frame throws ends its making`() {
        struct Full: Error {}
        var taken = 0
        #expect(throws: Full.self) {
            try ZstdFrame.compress([Self.contents, Self.contents], level: 1) { bytes in
                if taken > 0, !bytes.isEmpty { throw Full() }
                taken += bytes.count
            }
        }
        #expect(taken < Self.contents.count)
    }

    @Test func `Something else is refused with the bytes that were found`() {
        #expect(throws: ZstdError.notAFrame(found: [0x89, 0x50, 0x4e, 0x47])) {
            try ZstdFrame.decompress(Data([0x89, 0x50, 0x4e, 0x47, 0x0d]))
        }
        #expect(throws: ZstdError.notAFrame(found: [])) { try ZstdFrame.decompress(Data()) }
        #expect(
            ZstdError.notAFrame(found: [0x89, 0x50, 0x4e, 0x47]).description
                == "expected a zstd frame (28 b5 2f fd), found 89 50 4e 47")
        // A skippable frame holds nothing.
        #expect(throws: ZstdError.notAFrame(found: [0x50, 0x2a, 0x4d, 0x18])) {
            try ZstdFrame.decompress(Data([0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]))
        }
    }

    @Test func `A frame cut short anywhere is truncated`() throws {
        let frame = try ZstdFrame.compress(Self.contents)
        for size in Array(1..<20) + Array(stride(from: 20, to: frame.count, by: 997)) + [frame.count - 1] {
            #expect(throws: ZstdError.truncated(available: size)) {
                try ZstdFrame.decompress(frame.prefix(size))
            }
        }
    }

    @Test func `Bytes after the frame are counted`() throws {
        let frame = try ZstdFrame.compress(Self.contents)
        #expect(throws: ZstdError.trailingBytes(count: 3)) {
            try ZstdFrame.decompress(frame + Data([1, 2, 3]))
        }
        #expect(throws: ZstdError.trailingBytes(count: frame.count)) {
            try ZstdFrame.decompress(frame + frame)
        }
    }

    @Test func `A flipped bit in the contents is found by the checksum`() throws {
        var frame = try ZstdFrame.compress(Self.contents)
        frame[frame.count / 2] ^= 0x10
        let error = #expect(throws: ZstdError.self) { try ZstdFrame.decompress(frame) }
        guard case .corrupt = error else {
            Issue.record("found \(String(describing: error))")
            return
        }
    }

    @Test func `More than the limit is not decompressed`() throws {
        let frame = try ZstdFrame.compress(Data(count: 100_000_000))
        #expect(frame.count < 20_000)
        #expect(throws: ZstdError.tooLarge(limit: 1_000_000)) {
            try ZstdFrame.decompress(frame, limit: 1_000_000)
        }
        #expect(try ZstdFrame.decompress(frame, limit: 100_000_000).count == 100_000_000)
    }

    @Test func `A frame without a checksum or with a false size is refused`() throws {
        // A raw block of 3 bytes, "abc": single segment, size in one byte.
        let block = Data([0x19, 0, 0]) + Data("abc".utf8)
        let unchecked = Data(ZstdFrame.magicNumber + [0x20, 3]) + block
        #expect(throws: ZstdError.noChecksum) { try ZstdFrame.decompress(unchecked) }
        let small = Data(ZstdFrame.magicNumber + [0x24, 2]) + block + Data(count: 4)
        #expect(throws: ZstdError.self) { try ZstdFrame.decompress(small) }
        // Eight bytes of size that promise 2⁶² bytes.
        let huge = Data(ZstdFrame.magicNumber + [0xe4, 0, 0, 0, 0, 0, 0, 0, 0x40]) + block + Data(count: 4)
        #expect(throws: ZstdError.self) { try ZstdFrame.decompress(huge) }
    }

    @Test func `A slice of data can be compressed and decompressed`() throws {
        let slice = Self.contents.dropFirst(49_000).prefix(2000)
        let frame = Data(count: 5) + (try ZstdFrame.compress(slice))
        #expect(try ZstdFrame.decompress(frame.dropFirst(5)) == Data(slice))
    }
}
