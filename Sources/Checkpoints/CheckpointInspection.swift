internal import Foundation

/// A verified checkpoint file as text or JSON, for people and programs.
public struct CheckpointInspection: Sendable {
    /// The file.
    public let path: String
    /// Bytes of the file.
    public let compressedSize: Int
    /// Bytes of the safetensors file inside.
    public let rawSize: Int
    /// What it holds.
    public let checkpoint: Checkpoint
    /// Whether there was a digest of the metadata to verify: checkpoints of earlier programs have none.
    public let hasMetadataDigest: Bool

    /// Reads and verifies the file as `CheckpointFile.read` does.
    ///
    /// - Throws: `CheckpointError`.
    public init(reading path: String) throws(CheckpointError) {
        let contents = try CheckpointFile.contents(of: path)
        self.path = path
        checkpoint = contents.checkpoint
        compressedSize = contents.compressedSize
        rawSize = contents.rawSize
        hasMetadataDigest = contents.hasMetadataDigest
    }

    /// Lines of text: a key and a value each, the configuration indented, and a table of the tensors. Control characters, which
    /// a file may hold anywhere, are escaped.
    public var text: String {
        let metadata = checkpoint.metadata
        let position = metadata.position
        let best = metadata.bestValidation.map {
            "accuracy \($0.accuracy), loss \($0.loss) after epoch \($0.epoch), step \($0.step)"
        }
        let pairs = [
            ("file", path),
            ("size", "\(compressedSize) bytes, \(rawSize) decompressed"),
            (
                "integrity",
                "good: zstd checksum, safetensors form and SHA-256 of the tensors"
                    + (hasMetadataDigest ? " and metadata verified" : " verified (none of the metadata)")
            ),
            ("format version", "\(metadata.formatVersion)"),
            ("program version", metadata.programVersion),
            (
                "position",
                "step \(position.step): epochs completed \(position.epoch), steps of the next \(position.stepInEpoch)"
            ),
            ("best validation", best ?? "none yet"),
            ("logical shards", "\(metadata.logicalShards)"),
            ("written by", "\(metadata.worldSize) ranks (a note: any number may resume it)"),
            ("arithmetic", metadata.arithmetic),
            ("data fingerprint", metadata.dataFingerprint),
            ("whitening", metadata.whiteningSHA256.map { "SHA-256 \($0)" } ?? "none"),
            ("SHA-256", metadata.tensorsSHA256),
        ]
        var lines = Self.columns(pairs.map { ["\($0.0):", PrintableText.line($0.1)] }, separator: " ")
        if !metadata.additional.isEmpty {
            lines.append("additional:")
            lines += metadata.additional.sorted { $0.key < $1.key }.map {
                PrintableText.line("  \($0.key): \($0.value)")
            }
        }
        lines.append("configuration:")
        lines += Self.value(of: metadata.configuration).text.split(separator: "\n")
            .map { "  " + PrintableText.line(String($0)) }
        lines.append("tensors: \(checkpoint.tensors.count)")
        let rows = checkpoint.tensors.map { tensor in
            [
                "  " + PrintableText.line(tensor.name), tensor.elementType.rawValue, "\(tensor.shape)",
                tensor.l2Norm.map { String(format: "%.6g", $0) } ?? "-",
            ]
        }
        lines += Self.columns([["  name", "type", "shape", "L2 norm"]] + rows, separator: "  ")
        return lines.joined(separator: "\n")
    }

    /// A JSON object with the same contents. A number that is not finite is null; the configuration is an object if it is
    /// JSON, otherwise a string. Control characters are escaped, those beyond ASCII too.
    public var json: String {
        let metadata = checkpoint.metadata
        let best = metadata.bestValidation.map { best in
            JSONValue.object([
                "epoch": .integer(best.epoch), "step": .integer(best.step),
                "accuracy": JSONValue(finite: best.accuracy), "loss": JSONValue(finite: best.loss),
            ])
        }
        let tensors = checkpoint.tensors.map { tensor in
            JSONValue.object([
                "name": .string(tensor.name), "dtype": .string(tensor.elementType.rawValue),
                "shape": .array(tensor.shape.map { .integer($0) }),
                "l2_norm": JSONValue(finite: tensor.l2Norm ?? .nan),
            ])
        }
        let value = JSONValue.object([
            "file": .string(path), "compressed_bytes": .integer(compressedSize),
            "raw_bytes": .integer(rawSize),
            "integrity": .string("good"), "metadata_sha256_verified": .bool(hasMetadataDigest),
            "format_version": .integer(metadata.formatVersion),
            "program_version": .string(metadata.programVersion),
            "position": .object([
                "epoch": .integer(metadata.position.epoch), "step": .integer(metadata.position.step),
                "step_in_epoch": .integer(metadata.position.stepInEpoch),
            ]),
            "best_validation": best ?? .null, "logical_shards": .integer(metadata.logicalShards),
            "world_size": .integer(metadata.worldSize), "arithmetic": .string(metadata.arithmetic),
            "data_fingerprint": .string(metadata.dataFingerprint),
            "whitening_sha256": metadata.whiteningSHA256.map { .string($0) } ?? .null,
            "tensors_sha256": .string(metadata.tensorsSHA256),
            "additional": .object(metadata.additional.mapValues { .string($0) }),
            "configuration": Self.value(of: metadata.configuration), "tensors": .array(tensors),
        ])
        return PrintableText.lines(value.text)
    }

    private static func value(of text: String) -> JSONValue { JSONValue(parsing: text) ?? .string(text) }

    /// Rows with their columns, all but the last, padded to equal width.
    private static func columns(_ rows: [[String]], separator: String) -> [String] {
        let count = rows.map(\.count).max() ?? 0
        let widths = (0..<count).map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            row.enumerated().map { column, text in
                column == count - 1 ? text : text + String(repeating: " ", count: widths[column] - text.count)
            }.joined(separator: separator)
        }
    }
}
