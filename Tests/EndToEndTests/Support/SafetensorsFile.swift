import Foundation
import Testing

/// A checkpoint read with the `zstd` tool and by the safetensors format's public description, not by the code
/// under test: 8 bytes of header length, the header in JSON, the tensors.
struct SafetensorsFile {
    private struct Entry: Decodable {
        let dtype: String
        let shape: [Int]
        let data_offsets: [Int]
    }

    private(set) var shapes: [String: [Int]] = [:]
    /// Values of the tensors of type F32.
    private(set) var values: [String: [Float]] = [:]
    private(set) var metadata: [String: String] = [:]

    init(checkpoint: URL) throws {
        let unpacked = try Program.tool(["zstd", "-dc", checkpoint.path])
        try #require(unpacked.status == 0, "zstd -dc \(checkpoint.path): \(unpacked.errorText)")
        let file = unpacked.output
        try #require(file.count > 8)
        let length = file.prefix(8).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
        try #require(length <= file.count - 8)
        let header = try #require(
            JSONSerialization.jsonObject(with: file.subdata(in: 8..<8 + length)) as? [String: Any])
        let tensors = file.subdata(in: 8 + length..<file.count)
        for (name, description) in header {
            if name == "__metadata__" {
                metadata = try #require(description as? [String: String])
                continue
            }
            let entry = try JSONDecoder().decode(
                Entry.self, from: JSONSerialization.data(withJSONObject: description))
            shapes[name] = entry.shape
            try #require(entry.data_offsets.count == 2 && entry.data_offsets[1] <= tensors.count, "\(name)")
            guard entry.dtype == "F32" else { continue }
            let bytes = tensors.subdata(in: entry.data_offsets[0]..<entry.data_offsets[1])
            try #require(bytes.count == 4 * entry.shape.reduce(1, *), "\(name)")
            values[name] = bytes.withUnsafeBytes { raw in
                stride(from: 0, to: raw.count, by: 4).map {
                    Float(
                        bitPattern: UInt32(
                            littleEndian: raw.loadUnaligned(fromByteOffset: $0, as: UInt32.self)))
                }
            }
        }
    }

    /// Tensors of the model itself: parameters and running statistics.
    var modelTensorNames: [String] { shapes.keys.filter { $0.hasPrefix("layers.") }.sorted() }
}
