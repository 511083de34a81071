/// Writes a data set in the layout of CIFAR-10's binary version.
public enum BinaryWriter {
    /// Writes `data_batch_1.bin` to `data_batch_5.bin`, `test_batch.bin` and `batches.meta.txt`.
    ///
    /// The folder appears under its name once it is complete. Memory holds 256 records at a time.
    ///
    /// - Parameters:
    ///   - dataset: What to write; at least five training records and one test record. The files of a split
    ///     differ by at most one in their counts.
    ///   - folder: Where to; must not exist, or be empty.
    ///   - classNames: The names by label, for `batches.meta.txt`.
    /// - Throws: ``DatasetError`` where the folder is in use, the data set has too few records, or a file
    ///   cannot be written.
    public static func write(_ dataset: some ImageDataset, to folder: String, classNames: [String]) throws {
        for split in DatasetSplit.allCases {
            let files = CIFAR10.batchNames(of: split).count
            guard dataset.count(of: split) >= files else {
                throw DatasetError(
                    operation: "writing the binary version to", location: folder,
                    expected: "at least \(files) \(split.rawValue) records, one for each file",
                    found: "\(dataset.count(of: split))")
            }
        }
        let staging = try StagingFolder(for: folder)
        for split in DatasetSplit.allCases {
            let names = CIFAR10.batchNames(of: split)
            let count = dataset.count(of: split)
            for (index, name) in names.enumerated() {
                let records = count * index / names.count..<count * (index + 1) / names.count
                let file = try staging.file(name + ".bin")
                try write(dataset, split, records, to: file)
                try file.synchronize()
            }
        }
        let meta = try staging.file("batches.meta.txt")
        try meta.write(classNames.map { $0 + "\n" }.joined().utf8)
        try meta.synchronize()
        try staging.place()
    }

    private static func write(
        _ dataset: some ImageDataset, _ split: DatasetSplit, _ range: Range<Int>, to file: OutputFile
    ) throws {
        var bytes: [UInt8] = []
        for start in stride(from: range.lowerBound, to: range.upperBound, by: BinaryFormat.recordsAtOnce) {
            let end = min(start + BinaryFormat.recordsAtOnce, range.upperBound)
            let records = try dataset.read(split, records: Array(start..<end))
            bytes.removeAll(keepingCapacity: true)
            for row in 0..<records.count {
                bytes.append(records.labels[row])
                bytes += records.pixels[row * CIFAR10.imageBytes..<(row + 1) * CIFAR10.imageBytes]
            }
            try file.write(bytes)
        }
    }
}
