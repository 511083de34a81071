internal import Crypto

/// Checksums of whole files.
public enum FileChecksum {
    /// Returns a file's MD5 in hexadecimal, as CIFAR-10's page gives it: good against accidents, not against
    /// malice.
    ///
    /// - Throws: ``DatasetError`` where the file cannot be read.
    public static func md5(of path: String) throws -> String {
        let file = try DataFile(path: path)
        var hasher = Insecure.MD5()
        var buffer: [UInt8] = []
        var offset = 0
        while offset < file.size {
            try file.read(at: offset, count: min(1 << 20, file.size - offset), into: &buffer)
            hasher.update(data: buffer)
            offset += buffer.count
        }
        let digits = Array("0123456789abcdef")
        return String(hasher.finalize().flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }
}
