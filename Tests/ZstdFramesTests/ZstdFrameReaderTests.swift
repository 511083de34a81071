import DurableFiles
import FileTestSupport
import Foundation
import Testing
import ZstdFrames

@Suite struct ZstdFrameReaderTests {
    private func read(_ reader: ZstdFrameReader, _ count: Int) throws -> Data {
        var bytes = [UInt8](repeating: 0, count: count)
        let read = try bytes.withUnsafeMutableBytes { try reader.read(into: $0) }
        return Data(bytes[..<read])
    }

    @Test(arguments: [1, 7, 4096, 1 << 20])
    func `Pieces of any size come to the contents`(size: Int) throws {
        let contents = size == 1 ? ZstdFrameTests.contents.prefix(3000) : ZstdFrameTests.contents
        let reader = try ZstdFrameReader(try ZstdFrame.compress(Data(contents)))
        #expect(reader.statedSize == UInt64(contents.count))
        var found = Data()
        while true {
            let piece = try read(reader, size)
            found += piece
            if piece.count < size { break }
        }
        #expect(found == contents && reader.position == contents.count)
        #expect(try reader.finish())
    }

    @Test func `The end is where contents, checksum and source end`() throws {
        let frame = try ZstdFrame.compress(Data("abc".utf8))
        let early = try ZstdFrameReader(frame)
        #expect(try read(early, 2) == Data("ab".utf8))
        #expect(try !early.finish())
        let followed = try ZstdFrameReader(frame + Data(count: 200_000))
        #expect(try read(followed, 3) == Data("abc".utf8))
        #expect(throws: ZstdError.trailingBytes(count: 200_000)) { try followed.finish() }
    }

    @Test func `A source that fails is not damage`() throws {
        let frame = try ZstdFrame.compress(
            Data((0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) }))
        let failure = FileError(operation: "read", path: "x", code: EIO)
        for good in [0, frame.count / 2] {
            let error = #expect(throws: FileError.self) {
                let reader = try ZstdFrameReader(size: frame.count) { offset, buffer in
                    if offset + buffer.count > good { throw failure }
                    return frame.dropFirst(offset).prefix(buffer.count).copyBytes(to: buffer)
                }
                _ = try read(reader, 1_000_000)
            }
            #expect(error == failure)
        }
        for error in [ZstdError.noMemory, .tooLarge(limit: 1)] { #expect(!error.isDamage) }
        for error in [ZstdError.truncated(available: 1), .corrupt(reason: ""), .noChecksum] {
            #expect(error.isDamage)
        }
    }

    @Test func `A log that grows beyond measure is refused, not taken for damaged`() throws {
        let bomb = try ZstdFrame.compress(Data(count: 1 << 27))
        #expect(bomb.count < 20_000)
        #expect(throws: ZstdError.tooLarge(limit: 1 << 26)) { try ZstdFrameFile(bomb) }
        #expect(try ZstdFrameFile(bomb, limit: 1 << 27).frameCount == 1)
    }
}
