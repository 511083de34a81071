import Checkpoints
import DurableFiles
import FileTestSupport
import Foundation
import Testing
import ZstdFrames

/// Only bytes that were read and are wrong are damage: a good checkpoint must survive a read that failed.
@Suite struct UnreadableCheckpointTests {
    let folder: TemporaryFolder
    let store: CheckpointStore

    init() throws {
        folder = try TemporaryFolder()
        store = CheckpointStore(directory: folder.path)
        for step in [10, 20] { try store.write(try sampleCheckpoint(step: step)) }
    }

    /// Reads as a file system does that fails with `code` after the first `good` bytes of the newest checkpoint.
    private func restore(failingWith code: Int32, after good: Int) throws -> CheckpointStore.Restored {
        try store.restoreNewest { path throws(CheckpointError) in
            guard path == store.path(step: 20) else { return try CheckpointFile.read(path) }
            let file: RegularFile
            do throws(FileError) { file = try RegularFile(path) } catch { throw .file(error) }
            return try CheckpointFile.decode(path: path, size: file.size) { offset, buffer in
                let room = good - offset
                if room <= 0 { throw FileError(operation: "read", path: path, code: code) }
                return try file.read(
                    at: offset, into: .init(rebasing: buffer[..<min(room, buffer.count)]))
            }.checkpoint
        }
    }

    @Test(arguments: [EIO, ESTALE, ETIMEDOUT, ENOMEM, EACCES], [0, 100, 3000])
    func `A read that fails leaves the checkpoint where it is, and names it`(code: Int32, good: Int) throws {
        let names = try folder.names()
        let error = #expect(throws: CheckpointError.self) { try restore(failingWith: code, after: good) }
        let reason = FileError(operation: "read", path: "", code: code).reason
        #expect(error == .unreadable(path: store.path(step: 20), reason: reason))
        #expect(error?.description.contains("left as it is") == true)
        #expect(try folder.names() == names)
        // The next time the disk answers.
        #expect(try store.restoreNewest().entry.step == 20)
    }

    @Test func `A read that ends early is damage`() throws {
        let restored = try store.restoreNewest { path throws(CheckpointError) in
            guard path == store.path(step: 20) else { return try CheckpointFile.read(path) }
            return try CheckpointFile.decode(path: path, size: 4000) { _, _ in 0 }.checkpoint
        }
        #expect(restored.entry.step == 10)
        #expect(restored.damaged.map(\.setAsideAs) == ["step-00000020.safetensors.zst.damaged"])
    }

    @Test(.timeLimit(.minutes(1)))
    func `Something else in a checkpoint's place is neither waited for nor renamed`() throws {
        try #require(mkfifo(store.path(step: 30), 0o600) == 0)
        let error = #expect(throws: CheckpointError.self) { try store.restoreNewest() }
        #expect(error?.description.contains("expected a regular file, found a FIFO") == true)
        #expect(try folder.names().contains("step-00000030.safetensors.zst"))
    }

    @Test func `No memory for the contents is not damage`() throws {
        // A header that asks for more than any machine has, and contents that bear it out for a while.
        let header =
            #"{"__metadata__":{\#(try metadata())},"a":{"dtype":"U8","shape":[1152921504606846976],"#
            + #""data_offsets":[0,1152921504606846976]}}"#
        var file = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) }
        file += Data(header.utf8) + Data(count: 1 << 24)
        try folder.put("step-00000030.safetensors.zst", try ZstdFrame.compress(file))
        let error = #expect(throws: CheckpointError.self) { try store.restoreNewest() }
        #expect(error?.description.contains("need 1152921504606846976 bytes of memory") == true)
        #expect(try folder.names().contains("step-00000030.safetensors.zst"))
    }

    /// The metadata of a checkpoint as members of a JSON object.
    private func metadata() throws -> String {
        let file = try CheckpointFile.encode(try sampleCheckpoint())
        let strings = try SafetensorsFile.parse(try ZstdFrame.decompress(file)).metadata
        let json = try JSONEncoder().encode(strings)
        return String(String(decoding: json, as: UTF8.self).dropFirst().dropLast())
    }
}
