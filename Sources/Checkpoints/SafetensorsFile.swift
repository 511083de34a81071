internal import DurableFiles
public import Foundation

/// The contents of a file in the safetensors format: tensors by name and metadata, a map from string to string.
///
/// The format: 8 bytes little-endian, the size N of the header; N bytes of JSON, padded with spaces; then the
/// tensors' bytes, without holes. The header maps each name to `dtype`, `shape` and `data_offsets`, counted from
/// the end of the header, and `__metadata__` to the metadata. See https://github.com/huggingface/safetensors.
public struct SafetensorsFile: Sendable, Equatable {
    /// The largest header that the format allows, in bytes.
    public static let headerLimit = 100_000_000

    /// The tensors; `pieces` has them in its own order, and `parse` returns them in the file's.
    public var tensors: [NamedTensor]
    /// The metadata.
    public var metadata: [String: String]

    /// Gathers what goes into a file.
    public init(tensors: [NamedTensor], metadata: [String: String] = [:]) {
        self.tensors = tensors
        self.metadata = metadata
    }

    /// Returns the bytes of the file, in pieces: its header, and the tensors' own bytes.
    ///
    /// The same tensors and metadata give the same bytes: tensors with larger elements come first, so that all
    /// are aligned, and those of equal element size by name; metadata by key. The tensors' bytes start at a multiple
    /// of 8.
    ///
    /// - Throws: `SafetensorsError` if two tensors have one name, a tensor is called `__metadata__`, or the header
    ///   would exceed `headerLimit`.
    public func pieces() throws(SafetensorsError) -> [Data] {
        let ordered = tensors.sorted {
            let sizes = ($0.elementType.size, $1.elementType.size)
            return sizes.0 != sizes.1
                ? sizes.0 > sizes.1 : $0.name.utf8.lexicographicallyPrecedes($1.name.utf8)
        }
        let header = try Self.header(of: ordered, metadata: metadata)
        let size = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Data($0) }
        return [size + header] + ordered.map(\.bytes)
    }

    /// Returns the bytes of the file in one piece.
    ///
    /// - Throws: As ``pieces()``.
    public func serialized() throws(SafetensorsError) -> Data { Data(try pieces().joined()) }

    /// Puts the file at `path`, whole or not at all; one that is there is replaced.
    ///
    /// - Throws: `SafetensorsError` as `pieces` does, `FileError` of `DurableFiles` if it cannot be written.
    public func write(to path: String) throws {
        let pieces = try pieces()
        let file = try FileReplacement(path)
        for piece in pieces { try file.append(piece) }
        try file.commit()
    }

    /// Reads a file.
    ///
    /// It is strict: what the format does not allow (a hole, an overlap, bytes after the last tensor, a name twice,
    /// a size that does not follow from the shape, an unknown element type or key) is an error. Any bytes may be given.
    ///
    /// - Throws: `SafetensorsError` saying what was expected and what was found.
    public static func parse(_ file: Data) throws(SafetensorsError) -> SafetensorsFile {
        let size = try headerSize(file.prefix(8))
        guard size <= file.count - 8 else {
            throw SafetensorsError(
                "expected a safetensors header of \(size) bytes, found \(file.count - 8) bytes in all")
        }
        let body = file.dropFirst(8 + size)
        let header = try parseHeader(Array(file.dropFirst(8).prefix(size)))
        guard header.bodySize == body.count else {
            throw SafetensorsError("expected \(header.bodySize) bytes of tensors, found \(body.count)")
        }
        let tensors = try header.entries.map { entry throws(SafetensorsError) in
            // A copy of its own, so that it starts at index 0 and does not keep the whole file in memory.
            try NamedTensor(
                name: entry.name, elementType: entry.elementType, shape: entry.shape,
                bytes: Data(body.dropFirst(entry.begin).prefix(entry.end - entry.begin)))
        }
        return SafetensorsFile(tensors: tensors, metadata: header.metadata)
    }

    /// The size of the header, from the first 8 bytes of a file.
    ///
    /// - Parameter limit: The largest one that is accepted.
    static func headerSize(
        _ start: some Collection<UInt8>, limit: Int = headerLimit
    ) throws(SafetensorsError) -> Int {
        guard start.count == 8 else {
            throw SafetensorsError(
                "expected a safetensors header of at least 8 bytes, found \(start.count) bytes")
        }
        let stated = start.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard stated <= UInt64(limit) else {
            throw SafetensorsError(
                "expected a safetensors header of at most \(limit) bytes, found \(stated)")
        }
        return Int(stated)
    }

    /// Parses a header, checks that the tensors lie one behind the other, each with the bytes that its shape asks for, and
    /// returns them in that order.
    static func parseHeader(_ bytes: [UInt8]) throws(SafetensorsError) -> SafetensorsHeaderParser.Header {
        var parser = SafetensorsHeaderParser(bytes)
        var header = try parser.parse()
        header.entries.sort { ($0.begin, $0.end) < ($1.begin, $1.end) }
        var position = 0
        for entry in header.entries {
            guard entry.begin == position, entry.end >= entry.begin else {
                throw SafetensorsError(
                    "tensor \(entry.name): expected bytes from \(position), found \(entry.begin) to \(entry.end)"
                )
            }
            guard entry.elementType.byteCount(of: entry.shape) == entry.end - entry.begin else {
                throw SafetensorsError(
                    "tensor \(entry.name): expected the bytes of \(entry.elementType.rawValue) \(entry.shape),"
                        + " found \(entry.end - entry.begin)")
            }
            position = entry.end
        }
        return header
    }

    private static func header(
        of tensors: [NamedTensor], metadata: [String: String]
    ) throws(SafetensorsError) -> Data {
        var members: [String] = []
        if !metadata.isEmpty {
            let pairs = metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
                .map { "\(JSONText.quoted($0.key)):\(JSONText.quoted($0.value))" }
            members.append("\"__metadata__\":{\(pairs.joined(separator: ","))}")
        }
        var names: Set<String> = ["__metadata__"]
        var position = 0
        for tensor in tensors {
            guard names.insert(tensor.name).inserted else {
                throw SafetensorsError("the name \(tensor.name) is taken and cannot be given to a tensor")
            }
            let end = position + tensor.bytes.count
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            members.append(
                "\(JSONText.quoted(tensor.name)):{\"dtype\":\"\(tensor.elementType.rawValue)\","
                    + "\"shape\":[\(shape)],\"data_offsets\":[\(position),\(end)]}")
            position = end
        }
        var header = Data("{\(members.joined(separator: ","))}".utf8)
        header.append(contentsOf: repeatElement(UInt8(ascii: " "), count: -header.count & 7))
        guard header.count <= headerLimit else {
            throw SafetensorsError(
                "expected a header of at most \(headerLimit) bytes, found \(header.count)")
        }
        return header
    }
}

/// Why bytes are not a safetensors file, or why tensors cannot be written as one or read as what was asked for.
public struct SafetensorsError: Error, Sendable, Equatable, CustomStringConvertible, LocalizedError {
    /// One line: what was expected and what was found.
    public let description: String

    /// The same as `description`.
    public var errorDescription: String? { description }

    init(_ description: String) { self.description = description }
}
