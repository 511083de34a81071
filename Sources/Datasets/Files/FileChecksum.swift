internal import Digests

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
