public import Foundation

/// A set of labelled images that is read record by record.
///
/// Records of a split are numbered from 0; the numbering, the labels and the pixels do not depend on who
/// reads, nor on what else is read.
public protocol ImageDataset: Sendable {
    /// What the set is, for messages: "CIFAR-10, binary version", "synthetic set", …
    var name: String { get }

    /// Where the set is: a path, or "built in, seed 42".
    var location: String { get }

    /// What its images are.
    var format: ImageFormat { get }

    /// The number of records of a split.
    func count(of split: DatasetSplit) -> Int

    /// Reads just the records asked for.
    ///
    /// - Parameters:
    ///   - split: The split they belong to.
    ///   - records: Their indices, ascending and distinct, each below `count(of: split)`.
    /// - Returns: The records in the order of `records`.
    /// - Throws: ``DatasetError`` where the indices are not such, or where a file has gone, was changed since
    ///   it was opened, or holds a label that is none of a class.
    func read(_ split: DatasetSplit, records: [Int]) throws -> ImageRecords
}

/// The two parts of an image data set.
///
/// The raw values enter the fingerprint of the records, so they never change.
public enum DatasetSplit: String, Sendable, CaseIterable {
    /// The records a model learns from (and, held out of them, the validation records).
    case training
    /// The records that are looked at once, at the end.
    case test
}

/// Labelled images in memory, as bytes.
public struct ImageRecords: Sendable, Equatable {
    /// The images one after another, each channel by channel, row-major: [count, channels, height, width].
    public var pixels: [UInt8]
    /// The class of each image.
    public var labels: [UInt8]
    /// The wrapping sum of the records' fingerprints (``RecordFingerprint``).
    ///
    /// A sum does not depend on the order of its terms: the sum over all ranks is the same however the
    /// records are divided among them, and tells whether two runs saw the same data.
    public var fingerprint: UInt64

    /// The number of records.
    public var count: Int { labels.count }

    /// Makes a set of records from its parts.
    ///
    /// - Precondition: `pixels` holds equally many bytes for each label.
    public init(pixels: [UInt8], labels: [UInt8], fingerprint: UInt64) {
        precondition(
            labels.isEmpty ? pixels.isEmpty : pixels.count.isMultiple(of: labels.count),
            "\(pixels.count) bytes for \(labels.count) images")
        self.pixels = pixels
        self.labels = labels
        self.fingerprint = fingerprint
    }
}

/// A data set kept in files.
public protocol FileDataset: ImageDataset {
    /// The files of a split that hold its images, in the order of their records.
    func files(of split: DatasetSplit) -> [DatasetFile]
    /// The number of records that the published set has of each class of a split; nil where they differ.
    func officialCountPerClass(of split: DatasetSplit) -> Int?
}

extension FileDataset {
    /// The number of records of a split: the sum over its files.
    public func count(of split: DatasetSplit) -> Int {
        files(of: split).reduce(0) { $0 + $1.recordCount }
    }
}

/// One file of a data set: a file on disk, or a member of an archive.
public struct DatasetFile: Sendable, Equatable {
    /// Its path, or its name in the archive.
    public let path: String
    /// Its size in bytes.
    public let byteCount: Int
    /// The number of its records.
    public let recordCount: Int
    /// The number of records of this file of the published set.
    public let officialRecordCount: Int
}

/// What went wrong with a data set, in one line: the operation, the file, what was expected and what was
/// found.
public struct DatasetError: Error, Equatable, Sendable, CustomStringConvertible, LocalizedError {
    /// What was being done: "reading", "opening the archive", …
    public let operation: String
    /// The file, folder or address concerned.
    public let location: String
    /// What should have been there.
    public let expected: String
    /// What was there.
    public let found: String

    /// Makes an error from its parts, each a piece of a sentence.
    public init(operation: String, location: String, expected: String, found: String) {
        self.operation = operation
        self.location = location
        self.expected = expected
        self.found = found
    }

    /// The whole message, one line.
    public var description: String {
        "\(operation) \(location): expected \(expected), found \(found)"
    }

    /// The whole message, one line.
    public var errorDescription: String? { description }
}
