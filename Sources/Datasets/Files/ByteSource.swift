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
