/// Labelled images in memory, as bytes.
public struct ImageRecords: Sendable, Equatable {
    /// The images one after another: [count, 3, 32, 32], planes red, green, blue, each row-major.
    public var pixels: [UInt8]
    /// The class of each image, 0 to 9.
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
    /// - Precondition: `pixels` holds 3,072 bytes for each label.
    public init(pixels: [UInt8], labels: [UInt8], fingerprint: UInt64) {
        precondition(
            pixels.count == labels.count * CIFAR10.imageBytes,
            "\(labels.count) images have \(labels.count * CIFAR10.imageBytes) bytes, not \(pixels.count)")
        self.pixels = pixels
        self.labels = labels
        self.fingerprint = fingerprint
    }
}
