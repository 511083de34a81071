/// What a check of a data set has found.
public struct VerificationReport: Sendable {
    /// One file, or one split of a set that is not kept in files.
    public struct Part: Sendable {
        /// The split it belongs to.
        public let split: DatasetSplit
        /// Its name, without folders.
        public let name: String
        /// Its size; nil where there is no file.
        public let byteCount: Int?
        /// The number of its records.
        public let recordCount: Int
        /// The number of records of each class; nil where it could not be read.
        public let classCounts: [Int]?
    }

    /// What the set is.
    public let name: String
    /// Where it is.
    public let location: String
    /// Its files, in the order of their records, training before test.
    public let parts: [Part]
    /// The wrapping sum of the fingerprints of all records, of both splits; nil where some could not be read.
    public let fingerprint: UInt64?
    /// What is unlike the official set, and harmless.
    public let notes: [String]
    /// What is wrong. Empty where the set can be used.
    public let problems: [String]

    /// The number of records of each class in a split, over the files that could be read.
    public func classCounts(of split: DatasetSplit) -> [Int] {
        parts.filter { $0.split == split }.reduce(into: [Int](repeating: 0, count: CIFAR10.classCount)) {
            sum, part in
            for (label, count) in (part.classCounts ?? []).enumerated() { sum[label] += count }
        }
    }
}
