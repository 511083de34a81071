/// A data set kept in files.
public protocol FileDataset: ImageDataset {
    /// The files of a split, in the order of their records.
    func files(of split: DatasetSplit) -> [DatasetFile]
}

extension FileDataset {
    /// The number of records of a split: the sum over its files.
    public func count(of split: DatasetSplit) -> Int {
        files(of: split).reduce(0) { $0 + $1.recordCount }
    }
}
