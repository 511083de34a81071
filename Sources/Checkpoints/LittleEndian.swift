internal import Foundation

/// Elements in memory to and from little-endian bytes; on a little-endian machine both are plain copies.
enum LittleEndian {
    static func bytes<Element: BitwiseCopyable>(of elements: UnsafeBufferPointer<Element>) -> Data {
        swappedIfNeeded(Data(buffer: elements), elementSize: MemoryLayout<Element>.size)
    }

    /// Copies all of `bytes`, which must be as large as `destination`.
    static func copy<Element: BitwiseCopyable>(
        _ bytes: Data, to destination: UnsafeMutableBufferPointer<Element>
    ) {
        let bytes = swappedIfNeeded(bytes, elementSize: MemoryLayout<Element>.size)
        _ = bytes.copyBytes(to: UnsafeMutableRawBufferPointer(destination))
    }

    private static func swappedIfNeeded(_ bytes: Data, elementSize: Int) -> Data {
        #if _endian(little)
        return bytes
        #else
        var swapped = Data(capacity: bytes.count)
        var rest = bytes[...]
        while !rest.isEmpty {
            swapped.append(contentsOf: rest.prefix(elementSize).reversed())
            rest = rest.dropFirst(elementSize)
        }
        return swapped
        #endif
    }
}
