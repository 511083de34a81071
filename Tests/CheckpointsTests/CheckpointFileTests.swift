import Checkpoints
import FileTestSupport
import Foundation
import Testing
import ZstdFrames

@Suite struct CheckpointFileTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func decode(_ file: Data) throws -> Checkpoint { try CheckpointFile.decode(file, path: "x.zst") }

    /// The checkpoint's file with its safetensors contents changed.
    private func changed(_ change: (inout SafetensorsFile) -> Void) throws -> Data {
        let file = try CheckpointFile.encode(try sampleCheckpoint())
        var contents = try SafetensorsFile.parse(try ZstdFrame.decompress(file))
        change(&contents)
        return try ZstdFrame.compress(try contents.serialized())
    }

    @Test func `A checkpoint comes back the same, with its digest`() throws {
        let checkpoint = try sampleCheckpoint()
        let path = folder.path("c.zst")
        try folder.put("c.zst", try CheckpointFile.encode(checkpoint, level: 3))
        let read = try CheckpointFile.read(path)
        #expect(byName(read.tensors) == byName(checkpoint.tensors))
        #expect(read.metadata.tensorsSHA256 == TensorDigest.sha256(of: checkpoint.tensors))
        var metadata = read.metadata
        metadata.tensorsSHA256 = ""
        #expect(metadata == checkpoint.metadata)
        #expect(metadata.formatVersion == 1)
        #expect(try read.tensor("mask").bytes == Data([1, 2, 3]))
        #expect(throws: SafetensorsError.self) { try read.tensor("none") }
    }

    @Test func `A checkpoint without a validation has none when read`() throws {
        var checkpoint = try sampleCheckpoint()
        checkpoint.metadata.bestValidation = nil
        #expect(try decode(try CheckpointFile.encode(checkpoint)).metadata.bestValidation == nil)
        checkpoint.metadata.bestValidation = .init(epoch: 1, step: 2, accuracy: 0, loss: .infinity)
        #expect(try decode(try CheckpointFile.encode(checkpoint)).metadata.bestValidation?.loss == .infinity)
    }

    @Test func `A file cut short by every one per cent is damaged`() throws {
        let file = try CheckpointFile.encode(try sampleCheckpoint())
        for percent in 1..<100 {
            let error = #expect(throws: CheckpointError.self) {
                try decode(file.prefix(file.count * percent / 100))
            }
            guard case .damaged(path: "x.zst", let reason) = error else {
                Issue.record("\(percent) %: found \(String(describing: error))")
                continue
            }
            #expect(reason.contains("truncated"))
        }
        for size in [0, 1, 4, 5, file.count - 1] {
            #expect(throws: CheckpointError.self) { try decode(file.prefix(size)) }
        }
    }

    @Test func `Each of 200 random byte changes is detected`() throws {
        let file = try CheckpointFile.encode(try sampleCheckpoint())
        var generator = SeededGenerator(state: 200)
        for _ in 0..<200 {
            var flipped = file
            let position = Int.random(in: 0..<file.count, using: &generator)
            flipped[position] ^= UInt8.random(in: 1...255, using: &generator)
            #expect(throws: CheckpointError.self, "byte \(position)") { try decode(flipped) }
        }
    }

    @Test func `No single flipped bit of the first and last 50 bytes changes what is read`() throws {
        let file = try CheckpointFile.encode(try sampleCheckpoint())
        let checkpoint = try decode(file)
        for position in Array(0..<50) + Array(file.count - 50..<file.count) {
            for bit in 0..<8 {
                var flipped = file
                flipped[position] ^= 1 << bit
                // A larger window in the frame's header asks for more memory and changes nothing else.
                if let read = try? decode(flipped) { #expect(read == checkpoint) }
            }
        }
    }

    @Test func `Something else, bytes that follow, and two frames are refused by name`() throws {
        let png = Data([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a])
        let error = #expect(throws: CheckpointError.self) { try decode(png) }
        #expect(
            error?.description
                == "x.zst is not a checkpoint: expected a zstd frame (28 b5 2f fd), found 89 50 4e 47")
        let file = try CheckpointFile.encode(try sampleCheckpoint())
        for tail in [Data([0]), file] {
            let error = #expect(throws: CheckpointError.self) { try decode(file + tail) }
            #expect(error?.description.contains("found \(tail.count) more bytes") == true)
        }
        let text = try ZstdFrame.compress(Data("hello, this is a text".utf8))
        let other = #expect(throws: CheckpointError.self) { try decode(text) }
        guard case .notACheckpoint = other else {
            Issue.record("found \(String(describing: other))")
            return
        }
    }

    @Test func `A missing file is an error that names it`() {
        let path = folder.path("none")
        let error = #expect(throws: CheckpointError.self) { try CheckpointFile.read(path) }
        #expect(error?.description == "cannot read \(path): No such file or directory")
    }

    @Test func `Tensors that do not have the recorded SHA-256 are damaged`() throws {
        let file = try changed { contents in
            contents.tensors.removeAll { $0.name == "mask" }
        }
        let error = #expect(throws: CheckpointError.self) { try decode(file) }
        #expect(error?.description.contains("expected SHA-256") == true)
    }

    @Test func `Another format version is refused, saying which is known`() throws {
        let file = try changed { $0.metadata["format_version"] = "2" }
        #expect(throws: CheckpointError.unknownVersion(path: "x.zst", expected: 1, found: "2")) {
            try decode(file)
        }
        let without = try changed { $0.metadata["format_version"] = nil }
        let error = #expect(throws: CheckpointError.self) { try decode(without) }
        #expect(error?.description.contains("expected format_version") == true)
    }

    @Test(arguments: [
        "configuration", "logical_shards", "epoch", "step", "step_in_epoch", "data_fingerprint",
        "arithmetic",
        "world_size", "tensors_sha256", "program_version", "best_validation_step", "best_validation_loss",
    ])
    func `A missing field is named`(key: String) throws {
        let file = try changed { $0.metadata[key] = nil }
        let error = #expect(throws: CheckpointError.self) { try decode(file) }
        #expect(
            error?.description == "x.zst is not a checkpoint: metadata \(key): expected a value, found none")
    }

    @Test func `A field that is not a number, or below 0, is named`() throws {
        for value in ["x", "", "-1", "1.5", "99999999999999999999"] {
            let file = try changed { $0.metadata["step"] = value }
            let error = #expect(throws: CheckpointError.self) { try decode(file) }
            #expect(error?.description.contains("metadata step: found \"\(value)\"") == true)
        }
    }

    @Test func `Metadata that do not have the recorded SHA-256 are damaged`() throws {
        for (key, value) in [
            ("configuration", "{}"), ("step", "391"), ("arithmetic", "other"),
            ("additional.sum_of_losses", "99"),
            ("added", "x"),
        ] {
            let file = try changed { $0.metadata[key] = value }
            let error = #expect(throws: CheckpointError.self, "\(key)") { try decode(file) }
            #expect(error?.description.contains("over the metadata") == true)
        }
        let removed = try changed { $0.metadata["additional.sum_of_losses"] = nil }
        #expect(throws: CheckpointError.self) { try decode(removed) }
    }

    @Test func `A checkpoint of an earlier program, without a digest of the metadata, is read`() throws {
        let checkpoint = try sampleCheckpoint()
        let file = try changed { $0.metadata[MetadataDigest.key] = nil }
        #expect(byName(try decode(file).tensors) == byName(checkpoint.tensors))
        for (name, contents) in [("old.zst", file), ("new.zst", try CheckpointFile.encode(checkpoint))] {
            try folder.put(name, contents)
            let inspection = try CheckpointInspection(reading: folder.path(name))
            #expect(inspection.hasMetadataDigest == (name == "new.zst"))
            #expect(inspection.text.contains("none of the metadata") == (name == "old.zst"))
        }
    }

    @Test func `The arithmetic of a checkpoint of an earlier program is read by the name that it had`() throws
    {
        let file = try changed { metadata in
            metadata.metadata[MetadataDigest.key] = nil
            metadata.metadata["arithmetic"] = nil
            metadata.metadata["kernels"] = "AVX2 (separate multiply-add, pixels as numbers)"
        }
        #expect(try decode(file).metadata.arithmetic == "AVX2 (separate multiply-add, pixels as numbers)")
    }

    @Test func `A bomb is refused at its first bytes`() throws {
        // 1 GiB of zeros: a header of size 0, which is none.
        let error = #expect(throws: CheckpointError.self) {
            try decode(try ZstdFrame.compress(Data(count: 1 << 30)))
        }
        guard case .notACheckpoint = error else {
            Issue.record("found \(String(describing: error))")
            return
        }
    }
}
