/// A set of labelled 32 × 32 colour images that is read record by record.
///
/// Records of a split are numbered from 0; the numbering, the labels and the pixels do not depend on who
/// reads, nor on what else is read.
public protocol ImageDataset: Sendable {
    /// What the set is, for messages: "CIFAR-10, binary version", "synthetic set", …
    var name: String { get }

    /// Where the set is: a path, or "built in, seed 42".
    var location: String { get }

    /// The number of records of a split.
    func count(of split: DatasetSplit) -> Int

    /// Reads just the records asked for.
    ///
    /// - Parameters:
    ///   - split: The split they belong to.
    ///   - records: Their indices, ascending and distinct, each below `count(of: split)`.
    /// - Returns: The records in the order of `records`.
    /// - Throws: ``DatasetError`` where the indices are not such, or where a file has gone, was changed since
    ///   it was opened, or holds a label that is not 0 to 9.
    func read(_ split: DatasetSplit, records: [Int]) throws -> ImageRecords
}
