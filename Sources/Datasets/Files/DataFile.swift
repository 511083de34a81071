internal import DurableFiles

/// A regular file open for reading at given offsets (`pread`), closed when it is let go.
///
/// Files are not mapped into memory: the pages a mapping touches count as the process's own.
final class DataFile: ByteSource {
    let location: String
    let size: Int
    private let file: RegularFile

    /// - Throws: `DatasetError` where there is no such file, it is anything else than a regular one, or it cannot be read.
    init(path: String) throws {
        location = path
        do throws(FileError) {
            file = try RegularFile(path)
        } catch {
            throw DatasetError(
                operation: "opening", location: path,
                expected: error.found == nil ? "a file that can be read" : "a regular file",
                found: error.isNotFound ? "nothing of that name" : error.found ?? error.reason)
        }
        size = file.size
    }

    /// - Throws: `DatasetError` where the file's size is not what it was when its data set was opened.
    func checkSize(_ expected: Int) throws {
        guard size == expected else {
            throw DatasetError(
                operation: "reading", location: location,
                expected: "\(expected) bytes, as when the data set was opened", found: "\(size)")
        }
    }

    func read(at offset: Int, count: Int, into buffer: inout [UInt8]) throws {
        if buffer.count > count { buffer.removeLast(buffer.count - count) }
        if buffer.count < count { buffer.append(contentsOf: repeatElement(0, count: count - buffer.count)) }
        var done = 0
        while done < count {
            let read = try readSome(at: offset + done, into: &buffer, from: done)
            guard read > 0 else {
                throw DatasetError(
                    operation: "reading", location: location,
                    expected: "\(count) bytes from byte \(offset)", found: "the end of the file after \(done)"
                )
            }
            done += read
        }
    }

    private func readSome(at offset: Int, into buffer: inout [UInt8], from start: Int) throws -> Int {
        var failure: FileError?
        let count = buffer.withUnsafeMutableBytes { bytes in
            do throws(FileError) {
                return try file.read(
                    at: offset, into: UnsafeMutableRawBufferPointer(rebasing: bytes[start...]))
            } catch {
                failure = error
                return 0
            }
        }
        guard let failure else { return count }
        throw DatasetError(
            operation: "reading", location: location, expected: "bytes from byte \(offset)",
            found: failure.reason)
    }
}
