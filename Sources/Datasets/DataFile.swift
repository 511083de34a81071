internal import Digests
internal import DurableFiles
internal import Foundation

/// Bytes that can be read from any place: a file, or a file's contents in memory.
protocol ByteSource {
    /// What to call it in messages: a path, or a path and an archive's member.
    var location: String { get }
    /// Its length in bytes.
    var size: Int { get }
    /// Replaces the contents of `buffer` by the `count` bytes that start at `offset`.
    ///
    /// - Throws: `DatasetError` where the bytes are not there.
    func read(at offset: Int, count: Int, into buffer: inout [UInt8]) throws
}

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

/// A file's contents in memory.
struct MemorySource: ByteSource {
    let location: String
    let bytes: [UInt8]

    var size: Int { bytes.count }

    func read(at offset: Int, count: Int, into buffer: inout [UInt8]) throws {
        guard offset >= 0, count >= 0, offset <= bytes.count, count <= bytes.count - offset else {
            throw DatasetError(
                operation: "reading", location: location,
                expected: "\(count) bytes from byte \(offset)", found: "\(bytes.count) bytes in all")
        }
        buffer.removeAll(keepingCapacity: true)
        buffer.append(contentsOf: bytes[offset..<offset + count])
    }
}

/// Checksums of whole files.
public enum FileChecksum {
    /// Returns a file's MD5 in hexadecimal, as CIFAR-10's page gives it: good against accidents, not against
    /// malice.
    ///
    /// - Throws: ``DatasetError`` where the file cannot be read.
    public static func md5(of path: String) throws -> String {
        let file = try DataFile(path: path)
        guard var digest = Digest.md5() else {
            throw DatasetError(
                operation: "checking", location: path, expected: "a system that computes MD5",
                found: "one that refuses to, as in FIPS mode")
        }
        var buffer: [UInt8] = []
        var offset = 0
        while offset < file.size {
            try file.read(at: offset, count: min(1 << 20, file.size - offset), into: &buffer)
            digest.update(buffer)
            offset += buffer.count
        }
        return digest.hexadecimal
    }
}

/// Questions to the file system.
enum FileSystem {
    /// Whether a path leads to a folder (`true`), to anything else (`false`) or nowhere (`nil`).
    static func isFolder(_ path: String) -> Bool? {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else { return nil }
        return isFolder.boolValue
    }

    /// Whether a path leads to something that is not a folder.
    static func isFile(_ path: String) -> Bool {
        isFolder(path) == false
    }

    /// A path below a folder.
    static func join(_ folder: String, _ name: String) -> String {
        folder.hasSuffix("/") ? folder + name : folder + "/" + name
    }
}
