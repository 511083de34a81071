/// One file of a data set: a file on disk, or a member of an archive.
public struct DatasetFile: Sendable, Equatable {
    /// Its path, or its name in the archive.
    public let path: String
    /// Its size in bytes.
    public let byteCount: Int
    /// The number of its records.
    public let recordCount: Int
}
