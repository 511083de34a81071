/// Reads a data set from end to end and compares it with what is known of CIFAR-10.
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
                    classCounts = records.labels.reduce(into: [Int](repeating: 0, count: CIFAR10.classCount))
                    {
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
        var notes = countNotes(parts)
        if let archive = dataset as? ArchiveDataset { notes += archiveNotes(archive) }
        return VerificationReport(
            name: dataset.name, location: dataset.location, parts: parts,
            fingerprint: problems.isEmpty ? fingerprint : nil,
            notes: problems.isEmpty ? notes + balanceNotes(parts) : notes, problems: problems)
    }

    private static func files(
        of split: DatasetSplit, in dataset: some ImageDataset
    ) -> [(name: String, byteCount: Int?, recordCount: Int)] {
        guard let dataset = dataset as? any FileDataset else {
            return [(split.rawValue, nil, dataset.count(of: split))]
        }
        return dataset.files(of: split).map { file in
            let name = file.path.split(separator: "/").last.map(String.init) ?? file.path
            return (name, file.byteCount, file.recordCount)
        }
    }

    private static func countNotes(_ parts: [VerificationReport.Part]) -> [String] {
        parts.filter { $0.byteCount != nil && $0.recordCount != CIFAR10.officialRecordsPerFile }.map {
            "\($0.name) has \($0.recordCount) records, the official file \(CIFAR10.officialRecordsPerFile)"
        }
    }

    private static func balanceNotes(_ parts: [VerificationReport.Part]) -> [String] {
        DatasetSplit.allCases.compactMap { split in
            let counts = parts.filter { $0.split == split }.compactMap(\.classCounts)
                .reduce([Int](repeating: 0, count: CIFAR10.classCount)) { zip($0, $1).map(+) }
            let official = CIFAR10.officialCountPerClass(of: split)
            guard let low = counts.min(), let high = counts.max(), low != official || high != official else {
                return nil
            }
            let found = low == high ? "\(low)" : "\(low) to \(high)"
            return "\(split.rawValue) records per class: \(found), in the official set \(official)"
        }
    }

    private static func archiveNotes(_ archive: ArchiveDataset) -> [String] {
        guard let md5 = try? FileChecksum.md5(of: archive.location), md5 != archive.version.archiveMD5 else {
            return []
        }
        return ["the archive's MD5 is \(md5), the official one's \(archive.version.archiveMD5)"]
    }
}
