import FileTestSupport
import Foundation
import Testing
import ZstdFrames

@Suite struct ZstdFrameFileTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func writeThreeFrames() throws -> [Int] {
        let writer = try ZstdFrameWriter(path: folder.path("log.zst"), truncating: true)
        var ends: [Int] = []
        for text in ["one\n", "two\n", "three\n"] {
            try writer.append(Data(text.utf8))
            try writer.closeFrame()
            ends.append(writer.fileSize)
        }
        return ends
    }

    @Test func `Frames that were closed are read in order`() throws {
        let ends = try writeThreeFrames()
        let file = try ZstdFrameFile(reading: folder.path("log.zst"))
        #expect(file.contents == Data("one\ntwo\nthree\n".utf8))
        #expect(file.frameCount == 3)
        #expect(file.wholeSize == ends[2])
        #expect(file.damage == nil)
        #expect(file.damagedSize == 0)
    }

    @Test
    func `An open frame is not in the file, a large one closes itself, and closing nothing writes nothing`()
        throws
    {
        let writer = try ZstdFrameWriter(path: folder.path("log.zst"), truncating: true, frameSize: 10)
        try writer.append(Data("12345".utf8))
        #expect(writer.openSize == 5)
        #expect(try folder.data("log.zst").isEmpty)
        try writer.append(Data("67890".utf8))
        #expect(writer.openSize == 0)
        #expect(try ZstdFrameFile(reading: folder.path("log.zst")).contents == Data("1234567890".utf8))
        let size = writer.fileSize
        try writer.closeFrame()
        #expect(writer.fileSize == size)
    }

    @Test func `A file cut anywhere gives its whole frames and says that the rest is damaged`() throws {
        let ends = try writeThreeFrames()
        let file = try folder.data("log.zst")
        for size in 0..<file.count {
            let cut = try ZstdFrameFile(file.prefix(size))
            let whole = ends.filter { $0 <= size }
            #expect(cut.frameCount == whole.count)
            #expect(cut.wholeSize == whole.last ?? 0)
            #expect(cut.damagedSize == size - cut.wholeSize)
            #expect((cut.damage == nil) == (cut.damagedSize == 0))
        }
    }

    @Test func `Rubbish at the end is reported, and what follows damage is not read`() throws {
        let ends = try writeThreeFrames()
        var file = try folder.data("log.zst")
        let withZeros = try ZstdFrameFile(file + Data(count: 100))
        #expect(withZeros.frameCount == 3)
        #expect(withZeros.damage == .notAFrame(found: [0, 0, 0, 0]))
        #expect(withZeros.damagedSize == 100)
        file[ends[1] - 1] ^= 1
        let damaged = try ZstdFrameFile(file)
        #expect(damaged.contents == Data("one\n".utf8))
        #expect(damaged.damagedSize == ends[2] - ends[0])
    }

    @Test func `Writing goes on behind the frames that are there`() throws {
        _ = try writeThreeFrames()
        let writer = try ZstdFrameWriter(path: folder.path("log.zst"), truncating: false)
        try writer.append(Data("four\n".utf8))
        try writer.closeFrame()
        let file = try ZstdFrameFile(reading: folder.path("log.zst"))
        #expect(file.contents == Data("one\ntwo\nthree\nfour\n".utf8))
    }
}
