internal import DurableFiles
public import Foundation
internal import ZstdFrames

/// The file format of a checkpoint: a safetensors file in one zstd frame with content checksum.
///
/// `zstd -d` and any safetensors library read it.
public enum CheckpointFile {
    /// Reads and verifies a checkpoint: exactly one frame with its checksum, the safetensors form, the format
    /// version, and SHA-256 over the tensors.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - limit: The most bytes, decompressed, that are accepted.
    /// - Throws: `CheckpointError`.
    public static func read(_ path: String, limit: Int = 1 << 38) throws(CheckpointError) -> Checkpoint {
        let file: Data
        do throws(FileError) { file = try Files.read(path) } catch { throw .file(error) }
        return try decode(file, path: path, limit: limit)
    }

    /// Verifies the bytes of a checkpoint; `path` is what errors call it.
    ///
    /// - Throws: `CheckpointError`.
    public static func decode(
        _ file: Data, path: String, limit: Int = 1 << 38
    ) throws(CheckpointError) -> Checkpoint {
        try decodeWithSize(file, path: path, limit: limit).checkpoint
    }

    /// Like `decode`, with the size of the decompressed file in bytes.
    static func decodeWithSize(
        _ file: Data, path: String, limit: Int
    ) throws(CheckpointError) -> (checkpoint: Checkpoint, rawSize: Int) {
        let contents: SafetensorsFile
        let rawSize: Int
        do {
            let raw = try ZstdFrame.decompress(file, limit: limit)
            rawSize = raw.count
            contents = try SafetensorsFile.parse(raw)
        } catch let error as ZstdError {
            if case .notAFrame = error { throw .notACheckpoint(path: path, reason: error.description) }
            throw .damaged(path: path, reason: error.description)
        } catch {
            // The frame's checksum is right, so this is how the file was written.
            throw .notACheckpoint(path: path, reason: "\(error)")
        }
        guard let version = contents.metadata["format_version"] else {
            throw .notACheckpoint(path: path, reason: "expected format_version in its metadata, found none")
        }
        guard version == "\(CheckpointMetadata.currentFormatVersion)" else {
            throw .unknownVersion(
                path: path, expected: CheckpointMetadata.currentFormatVersion, found: version)
        }
        let metadata: CheckpointMetadata
        do throws(MetadataFieldError) {
            metadata = try CheckpointMetadata(strings: contents.metadata)
        } catch {
            throw .notACheckpoint(path: path, reason: error.description)
        }
        let digest = TensorDigest.sha256(of: contents.tensors)
        guard digest == metadata.tensorsSHA256 else {
            throw .damaged(
                path: path,
                reason:
                    "expected SHA-256 \(metadata.tensorsSHA256.prefix(64)) over the tensors, found \(digest)")
        }
        return (Checkpoint(tensors: contents.tensors, metadata: metadata), rawSize)
    }

    /// Returns the bytes of a checkpoint's file, with `tensorsSHA256` computed from the tensors.
    ///
    /// - Parameters:
    ///   - checkpoint: The checkpoint; its `tensorsSHA256` is not looked at.
    ///   - level: zstd's compression level.
    /// - Throws: `CheckpointError.cannotEncode` if a name is used twice or memory runs out.
    public static func encode(_ checkpoint: Checkpoint, level: Int = 1) throws(CheckpointError) -> Data {
        var metadata = checkpoint.metadata
        metadata.tensorsSHA256 = TensorDigest.sha256(of: checkpoint.tensors)
        do {
            let file = SafetensorsFile(tensors: checkpoint.tensors, metadata: metadata.strings)
            return try ZstdFrame.compress(try file.serialized(), level: level)
        } catch {
            throw .cannotEncode(reason: "\(error)")
        }
    }
}
