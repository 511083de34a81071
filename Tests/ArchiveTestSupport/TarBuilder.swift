internal import CZlib

/// Puts tar archives together, byte by byte.
public struct TarBuilder {
    /// The archive so far, uncompressed and without its end.
    public private(set) var bytes: [UInt8] = []

    /// An empty archive.
    public init() {}

    /// Adds a member of any type: "0" a file, "5" a folder, "L" a GNU long name, "x" a pax header.
    public mutating func add(_ name: String, _ contents: [UInt8], type: Character = "0", prefix: String = "")
    {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, at start: Int) {
            for (index, byte) in text.utf8.enumerated() { header[start + index] = byte }
        }
        func octal(_ value: Int, digits: Int) -> String {
            let text = String(value, radix: 8)
            return String(repeating: "0", count: digits - text.count) + text
        }
        put(name, at: 0)
        put("0000644", at: 100)
        put(octal(contents.count, digits: 11), at: 124)
        put("        ", at: 148)
        put(String(type), at: 156)
        put("ustar", at: 257)
        put("00", at: 263)
        put(prefix, at: 345)
        put(octal(header.reduce(0) { $0 + Int($1) }, digits: 6) + "\0", at: 148)
        bytes += header + contents
        bytes += [UInt8](repeating: 0, count: (512 - contents.count % 512) % 512)
    }

    /// Adds a header whose text stands for the next member's path.
    public mutating func addPaxPath(_ path: String) {
        let record = " path=\(path)\n"
        var length = record.utf8.count
        while String(length).utf8.count + record.utf8.count != length {
            length = String(length).utf8.count + record.utf8.count
        }
        add("pax", Array("\(length)\(record)".utf8), type: "x")
    }

    /// The archive, gzip-compressed.
    public func gzipped() -> [UInt8] { gzip(bytes + [UInt8](repeating: 0, count: 1024)) }
}

/// Compresses as gzip does.
public func gzip(_ bytes: [UInt8], level: Int32 = 6) -> [UInt8] {
    var stream = z_stream()
    deflateInit2_(
        &stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
        Int32(MemoryLayout<z_stream>.size))
    var input = bytes
    var output = [UInt8](repeating: 0, count: Int(deflateBound(&stream, UInt(bytes.count))) + 64)
    let count = input.withUnsafeMutableBufferPointer { input in
        output.withUnsafeMutableBufferPointer { output in
            stream.next_in = input.baseAddress
            stream.avail_in = UInt32(input.count)
            stream.next_out = output.baseAddress
            stream.avail_out = UInt32(output.count)
            deflate(&stream, Z_FINISH)
            return output.count - Int(stream.avail_out)
        }
    }
    deflateEnd(&stream)
    return Array(output[..<count])
}
