internal import Foundation
internal import SystemPackage

/// A file open for reading at given offsets (`pread`), closed when it is let go.
///
/// Files are not mapped into memory: the pages a mapping touches count as the process's own.
final class DataFile: ByteSource {
    let location: String
    let size: Int
    private let descriptor: FileDescriptor

    /// - Throws: `DatasetError` where there is no such file, it is a folder, or it cannot be read.
    init(path: String) throws {
        location = path
        guard let isFolder = FileSystem.isFolder(path) else {
            throw DatasetError(
                operation: "opening", location: path, expected: "a file", found: "nothing of that name")
        }
        if isFolder {
            throw DatasetError(operation: "opening", location: path, expected: "a file", found: "a folder")
        }
        do {
            descriptor = try FileDescriptor.open(FilePath(path), .readOnly, options: .closeOnExec)
        } catch {
            throw DatasetError(
                operation: "opening", location: path, expected: "a readable file", found: "\(error)")
        }
        do {
            size = Int(try descriptor.seek(offset: 0, from: .end))
        } catch {
            try? descriptor.close()
            throw DatasetError(
                operation: "opening", location: path, expected: "a regular file", found: "\(error)")
        }
    }

    deinit {
        try? descriptor.close()
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
        do {
            return try buffer.withUnsafeMutableBytes { bytes in
                try descriptor.read(
                    fromAbsoluteOffset: Int64(offset),
                    into: UnsafeMutableRawBufferPointer(rebasing: bytes[start...]))
            }
        } catch {
            throw DatasetError(
                operation: "reading", location: location, expected: "bytes from byte \(offset)",
                found: "\(error)")
        }
    }
}
