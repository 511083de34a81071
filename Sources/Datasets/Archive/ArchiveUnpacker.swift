/// Unpacks the files of CIFAR-10 from its archive.
public enum ArchiveUnpacker {
    /// Unpacks an archive beside itself, into `cifar-10-batches-bin` or `cifar-10-batches-py`.
    ///
    /// Only the files of the data set are taken, whatever else the archive holds, and wherever in it they
    /// are. The folder appears under its name once it is complete.
    ///
    /// - Parameters:
    ///   - archive: The archive's path.
    ///   - parent: The folder that gets the new one.
    /// - Returns: The path of the new folder.
    /// - Throws: ``DatasetError`` where the archive is not one of CIFAR-10, is damaged, the folder is in use,
    ///   or a file cannot be written.
    public static func unpack(_ archive: String, into parent: String) throws -> String {
        let dataset = try ArchiveDataset(path: archive)
        let folder = FileSystem.join(parent, dataset.version.folder)
        let staging = try StagingFolder(for: folder)
        let wanted = Set(
            DatasetSplit.allCases.flatMap(CIFAR10.batchNames).map(dataset.version.fileName)
                + ["batches.meta.txt", "batches.meta", "readme.html"])
        var tar = TarReader(try GzipReader(path: archive))
        var buffer: [UInt8] = []
        while let member = try tar.next() {
            guard wanted.contains(member.name) else { continue }
            let file = try staging.file(member.name)
            var left = member.size
            while left > 0 {
                try tar.read(min(left, 1 << 20), into: &buffer)
                try file.write(buffer)
                left -= buffer.count
            }
            try file.synchronize()
        }
        try tar.finish()
        try staging.place()
        return folder
    }
}

extension ArchiveDataset.Version {
    /// The folder that the official archive holds.
    public var folder: String {
        self == .binary ? CIFAR10.binaryFolder : CIFAR10.pythonFolder
    }

    /// The name of the official archive.
    public var archiveName: String {
        self == .binary ? CIFAR10.binaryArchive : CIFAR10.pythonArchive
    }

    /// The MD5 of the official archive.
    public var archiveMD5: String {
        self == .binary ? "c32a1d4ab5d03f1284b67883e8d87530" : "c58f30108f718f92721af3b95e74349a"
    }

    /// Where the official archive is.
    public var archiveURL: String { "https://www.cs.toronto.edu/~kriz/\(archiveName)" }
}
