public import DurableFiles
public import Foundation
internal import SystemLimits
package import ZstdFrames

/// The file format of a checkpoint: a safetensors file in one zstd frame with content checksum.
///
/// `zstd -d` and any safetensors library read it.
public enum CheckpointFile {
    /// The largest safetensors header of a checkpoint, in bytes: over a hundred thousand tensors.
    private static let headerLimit = 1 << 24

    /// Reads and verifies a checkpoint: exactly one frame with its checksum, the safetensors form, the format
    /// version, SHA-256 over the tensors, and over the metadata where there is one.
    ///
    /// The file is read a piece at a time, its header first: what the header asks for is compared with the memory that is
    /// left before any of it is taken.
    ///
    /// - Parameter path: The file.
    /// - Throws: `CheckpointError`.
    public static func read(_ path: String) throws(CheckpointError) -> Checkpoint {
        try contents(of: path).checkpoint
    }

    /// Verifies the bytes of a checkpoint; `path` is what errors call it.
    ///
    /// - Throws: `CheckpointError`.
    public static func decode(_ file: Data, path: String) throws(CheckpointError) -> Checkpoint {
        try decode(path: path, size: file.count) { offset, buffer in
            file.dropFirst(offset).prefix(buffer.count).copyBytes(to: buffer)
        }.checkpoint
    }

    /// What a checkpoint's file holds.
    package struct Contents {
        /// The checkpoint.
        package let checkpoint: Checkpoint
        /// Bytes of the file.
        let compressedSize: Int
        /// Bytes of the safetensors file inside.
        let rawSize: Int
        /// Whether the metadata have a digest of their own: older checkpoints have none.
        let hasMetadataDigest: Bool
    }

    /// Reads and verifies a checkpoint, as `read` does.
    static func contents(of path: String) throws(CheckpointError) -> Contents {
        let file: RegularFile
        do throws(FileError) { file = try RegularFile(path) } catch { throw .file(error) }
        return try decode(path: path, size: file.size) { try file.read(at: $0, into: $1) }
    }

    /// Verifies what `source` gives, `size` bytes, as the file at `path`.
    ///
    /// - Throws: `CheckpointError`; for what the source throws `.file` or `.unreadable`.
    package static func decode(
        path: String, size: Int, source: @escaping ZstdFrameReader.Source
    ) throws(CheckpointError) -> Contents {
        do {
            let reader = try ZstdFrameReader(size: size, source: source)
            do {
                return try decode(reader, path: path, size: size)
            } catch let error where error is SafetensorsError || error is MetadataFieldError {
                // How the file was written, if the frame is sound; otherwise damage, which is then thrown.
                try drain(reader)
                throw CheckpointError.notACheckpoint(path: path, reason: "\(error)")
            }
        } catch let error as CheckpointError {
            throw error
        } catch let error as FileError {
            throw .file(error)
        } catch let error as ZstdError {
            if case .notAFrame = error { throw .notACheckpoint(path: path, reason: error.description) }
            guard error.isDamage else { throw .unreadable(path: path, reason: error.description) }
            throw .damaged(path: path, reason: error.description)
        } catch {
            throw .unreadable(path: path, reason: "\(error)")
        }
    }

    private static func decode(_ reader: ZstdFrameReader, path: String, size: Int) throws -> Contents {
        let start = try bytes(8, from: reader)
        let headerSize = try SafetensorsFile.headerSize(start, limit: headerLimit)
        let headerBytes = try bytes(headerSize, from: reader)
        guard headerBytes.count == headerSize else {
            throw SafetensorsError(
                "expected a safetensors header of \(headerSize) bytes, found \(headerBytes.count)")
        }
        let header = try SafetensorsFile.parseHeader(headerBytes)
        guard let version = header.metadata["format_version"] else {
            throw SafetensorsError("expected format_version in its metadata, found none")
        }
        guard version == "\(CheckpointMetadata.currentFormatVersion)" else {
            throw CheckpointError.unknownVersion(
                path: path, expected: CheckpointMetadata.currentFormatVersion, found: version)
        }
        let metadata = try CheckpointMetadata(strings: header.metadata)
        guard AvailableMemory.allows(header.bodySize) else {
            throw CheckpointError.unreadable(
                path: path,
                reason: "its tensors need \(header.bodySize) bytes of memory, of which"
                    + " \(AvailableMemory.bytes) are left")
        }
        let tensors = try header.entries.map { try tensor($0, from: reader, path: path) }
        guard try reader.finish() else {
            throw SafetensorsError("expected \(header.bodySize) bytes of tensors, found more")
        }
        try checkDigests(tensors, metadata, header.metadata, path: path)
        return Contents(
            checkpoint: Checkpoint(tensors: tensors, metadata: metadata), compressedSize: size,
            rawSize: reader.position, hasMetadataDigest: header.metadata[MetadataDigest.key] != nil)
    }

    private static func checkDigests(
        _ tensors: [NamedTensor], _ metadata: CheckpointMetadata, _ strings: [String: String], path: String
    ) throws(CheckpointError) {
        let digest = TensorDigest.sha256(of: tensors)
        guard digest == metadata.tensorsSHA256 else {
            throw .damaged(
                path: path,
                reason:
                    "expected SHA-256 \(metadata.tensorsSHA256.prefix(64)) over the tensors, found \(digest)")
        }
        guard let expected = strings[MetadataDigest.key] else { return }
        let found = MetadataDigest.sha256(of: strings)
        guard found == expected else {
            throw .damaged(
                path: path,
                reason: "expected SHA-256 \(expected.prefix(64)) over the metadata, found \(found)")
        }
    }

    /// The next bytes of the content, `count` or what is left of them; memory grows with what is there.
    private static func bytes(_ count: Int, from reader: ZstdFrameReader) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let start = bytes.count
            bytes.append(contentsOf: repeatElement(0, count: min(1 << 16, count - start)))
            let read = try bytes.withUnsafeMutableBytes {
                try reader.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[start...]))
            }
            bytes.removeLast(bytes.count - start - read)
            if read == 0 { break }
        }
        return bytes
    }

    private static func tensor(
        _ entry: SafetensorsHeaderParser.Entry, from reader: ZstdFrameReader, path: String
    ) throws -> NamedTensor {
        let count = entry.end - entry.begin
        var contents = Data()
        if count > 0 {
            // By hand, as Data ends the process where there is no memory.
            guard let memory = malloc(count) else {
                throw CheckpointError.unreadable(
                    path: path, reason: "no memory for the \(count) bytes of \(entry.name)")
            }
            let buffer = UnsafeMutableRawBufferPointer(start: memory, count: count)
            let read = Result { try reader.read(into: buffer) }
            // Only now, as it copies a few bytes instead of keeping them where they are.
            contents = Data(bytesNoCopy: memory, count: count, deallocator: .free)
            guard try read.get() == count else {
                throw SafetensorsError("tensor \(entry.name): expected \(count) bytes, found fewer")
            }
        }
        return try NamedTensor(
            name: entry.name, elementType: entry.elementType, shape: entry.shape, bytes: contents)
    }

    /// Reads what is left of the frame, as its checksum stands at its end; of a very large one only the beginning.
    private static func drain(_ reader: ZstdFrameReader) throws {
        var piece = [UInt8](repeating: 0, count: 1 << 18)
        for _ in 0..<1024 {
            let read = try piece.withUnsafeMutableBytes { try reader.read(into: $0) }
            if read < piece.count {
                _ = try reader.finish()
                return
            }
        }
    }

    /// Returns the bytes of a checkpoint's file, with `tensorsSHA256` computed from the tensors and a digest of the
    /// metadata.
    ///
    /// - Parameters:
    ///   - checkpoint: The checkpoint; its `tensorsSHA256` is not looked at.
    ///   - level: zstd's compression level.
    /// - Throws: `CheckpointError.cannotEncode` if a name is used twice or memory runs out.
    public static func encode(_ checkpoint: Checkpoint, level: Int = 1) throws(CheckpointError) -> Data {
        var file = Data()
        try encode(checkpoint, level: level) { file.append(contentsOf: $0) }
        return file
    }

    /// The same a piece at a time: besides the tensors there is never more of it in memory than a piece and what zstd needs.
    ///
    /// - Parameter sink: Takes the file's bytes, in order.
    /// - Throws: `CheckpointError`: as above, and `.file` for what the sink throws.
    static func encode(
        _ checkpoint: Checkpoint, level: Int,
        to sink: (UnsafeRawBufferPointer) throws(FileError) -> Void
    ) throws(CheckpointError) {
        var metadata = checkpoint.metadata
        metadata.tensorsSHA256 = TensorDigest.sha256(of: checkpoint.tensors)
        var strings = metadata.strings
        strings[MetadataDigest.key] = MetadataDigest.sha256(of: strings)
        do {
            let file = SafetensorsFile(tensors: checkpoint.tensors, metadata: strings)
            try ZstdFrame.compress(try file.pieces(), level: level, to: sink)
        } catch let error as FileError {
            throw .file(error)
        } catch {
            throw .cannotEncode(reason: "\(error)")
        }
    }
}

/// Why a checkpoint could not be read or written.
public enum CheckpointError: Error, Sendable, Equatable, CustomStringConvertible, LocalizedError {
    /// The file is something else; `reason` says what was expected and found.
    case notACheckpoint(path: String, reason: String)
    /// The file is truncated or damaged; `reason` says how.
    case damaged(path: String, reason: String)
    /// The file is whole but of a format version that this program does not know.
    case unknownVersion(path: String, expected: Int, found: String)
    /// The operating system refused an operation on a file; the error names it.
    case file(FileError)
    /// The file could not be read here and now, and nothing is known against it; `reason` says why.
    case unreadable(path: String, reason: String)
    /// The checkpoint cannot be written as a file: `reason` says why.
    case cannotEncode(reason: String)
    /// There is no thread to write checkpoints on: `reason` says why.
    case cannotStart(reason: String)
    /// There is no checkpoint in the folder.
    case noneFound(directory: String)
    /// There are checkpoints in the folder, but all are damaged.
    case allDamaged(directory: String, files: [DamagedCheckpoint])

    /// One line that names the file, what was expected and what was found.
    public var description: String {
        switch self {
        case .notACheckpoint(let path, let reason): "\(path) is not a checkpoint: \(reason)"
        case .damaged(let path, let reason): "\(path) is damaged: \(reason)"
        case .unknownVersion(let path, let expected, let found):
            "\(path) has format version \(found), expected version \(expected)"
        case .file(let error): error.description
        case .unreadable(let path, let reason):
            "\(path) could not be read (\(reason)); it was left as it is: expected that it can be read when that is"
                + " mended, or an older checkpoint given by name"
        case .cannotEncode(let reason): "the checkpoint cannot be encoded: \(reason)"
        case .cannotStart(let reason): "checkpoints cannot be written beside the training: \(reason)"
        case .noneFound(let directory): "found no checkpoint in \(directory)"
        case .allDamaged(let directory, let files):
            "found no good checkpoint in \(directory): "
                + files.map(\.description).joined(separator: "; ")
        }
    }

    /// The same as `description`.
    public var errorDescription: String? { description }

    /// Whether bytes were read and are wrong. A file that could not be read may be good.
    public var isDamage: Bool {
        switch self {
        case .notACheckpoint, .damaged: true
        case .file, .unreadable, .unknownVersion, .cannotEncode, .cannotStart, .noneFound, .allDamaged: false
        }
    }
}

/// A checkpoint that could not be read and was set aside.
public struct DamagedCheckpoint: Sendable, Equatable, CustomStringConvertible {
    /// Its name in the store.
    public let name: String
    /// Its step.
    public let step: Int
    /// Why it cannot be read, naming the file.
    public let reason: String
    /// The name it was given; nil if it was left where it is, or could not be renamed.
    public let setAsideAs: String?

    /// One line: the reason and what became of the file.
    public var description: String {
        "\(reason) (" + (setAsideAs.map { "set aside as \($0)" } ?? "left where it is") + ")"
    }
}
