/// Reads a data set from end to end and compares it with what is known of the published set.
public enum DatasetVerifier {
    /// Checks a data set.
    ///
    /// Every record is read, a file at a time. Problems in one file do not keep the others from being
    /// checked.
    ///
    /// - Parameter dataset: An open data set.
    public static func verify(_ dataset: some ImageDataset) -> VerificationReport {
        var parts: [VerificationReport.Part] = []
        var problems: [String] = []
        var fingerprint: UInt64 = 0
        for split in DatasetSplit.allCases {
            var first = 0
            for file in files(of: split, in: dataset) {
                var classCounts: [Int]?
                do {
                    let records = try dataset.read(split, records: Array(first..<first + file.recordCount))
                    fingerprint &+= records.fingerprint
                    classCounts = records.labels.reduce(
                        into: [Int](repeating: 0, count: dataset.format.classCount)
                    ) {
                        $0[Int($1)] += 1
                    }
                } catch {
                    problems.append("\(error)")
                }
                parts.append(
                    VerificationReport.Part(
                        split: split, name: file.name, byteCount: file.byteCount,
                        recordCount: file.recordCount,
                        classCounts: classCounts))
                first += file.recordCount
            }
        }
        var notes: [String] = []
        let official = dataset as? any FileDataset
        if let official { notes = DatasetSplit.allCases.flatMap { countNotes(official.files(of: $0)) } }
        if let archive = dataset as? ArchiveDataset { notes += archiveNotes(archive) }
        return VerificationReport(
            name: dataset.name, location: dataset.location, format: dataset.format, parts: parts,
            fingerprint: problems.isEmpty ? fingerprint : nil,
            notes: problems.isEmpty ? notes + balanceNotes(parts, official) : notes, problems: problems)
    }

    private static func files(
        of split: DatasetSplit, in dataset: some ImageDataset
    ) -> [(name: String, byteCount: Int?, recordCount: Int)] {
        guard let dataset = dataset as? any FileDataset else {
            return [(split.rawValue, nil, dataset.count(of: split))]
        }
        return dataset.files(of: split).map { file in
            (name(of: file), file.byteCount, file.recordCount)
        }
    }

    private static func name(of file: DatasetFile) -> String {
        file.path.split(separator: "/").last.map(String.init) ?? file.path
    }

    private static func countNotes(_ files: [DatasetFile]) -> [String] {
        files.filter { $0.recordCount != $0.officialRecordCount }.map {
            "\(name(of: $0)) has \($0.recordCount) records, the official file \($0.officialRecordCount)"
        }
    }

    private static func balanceNotes(
        _ parts: [VerificationReport.Part], _ dataset: (any FileDataset)?
    ) -> [String] {
        DatasetSplit.allCases.compactMap { split in
            guard let dataset, let official = dataset.officialCountPerClass(of: split) else { return nil }
            let counts = parts.filter { $0.split == split }.compactMap(\.classCounts)
                .reduce([Int](repeating: 0, count: dataset.format.classCount)) { zip($0, $1).map(+) }
            guard let low = counts.min(), let high = counts.max(), low != official || high != official else {
                return nil
            }
            let found = low == high ? "\(low)" : "\(low) to \(high)"
            return "\(split.rawValue) records per class: \(found), in the official set \(official)"
        }
    }

    private static func archiveNotes(_ archive: ArchiveDataset) -> [String] {
        let official = archive.set.publication(archive.version).md5
        guard let md5 = try? FileChecksum.md5(of: archive.location), md5 != official else { return [] }
        return ["the archive's MD5 is \(md5), the official one's \(official)"]
    }
}

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
    /// What its images are.
    public let format: ImageFormat
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
        parts.filter { $0.split == split }.reduce(into: [Int](repeating: 0, count: format.classCount)) {
            sum, part in
            for (label, count) in (part.classCounts ?? []).enumerated() { sum[label] += count }
        }
    }
}
