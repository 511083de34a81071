/// Finds the data set that a command works on.
public enum DatasetLocator {
    /// The word that chooses the synthetic set in place of a path.
    public static let syntheticWord = "synthetic"
    /// The environment variable that names a path where no flag does.
    public static let environmentVariable = "DP_TRAIN_DATA"
    /// The folder, below the current one, that is looked into where neither says anything.
    public static let defaultFolder = "data"

    /// Opens the data set that is asked for: the one at `path`, else at `$DP_TRAIN_DATA`, else below
    /// `./data`, else the synthetic set.
    ///
    /// A path may lead to the folder of either version of CIFAR-10, to a folder that holds one of them or one
    /// of their archives, or to an archive; "synthetic" chooses the synthetic set.
    ///
    /// - Parameters:
    ///   - path: What the command line says, if anything.
    ///   - environment: The process's environment.
    ///   - currentDirectory: The folder that relative paths start from.
    ///   - syntheticSeed: The seed of the synthetic set.
    /// - Throws: ``DatasetError`` where a path that was asked for leads to no data set, or where a set is
    ///   damaged.
    public static func locate(
        path: String?, environment: [String: String], currentDirectory: String, syntheticSeed: UInt64
    ) throws -> any ImageDataset {
        let variable = environment[environmentVariable].flatMap { $0.isEmpty ? nil : $0 }
        if let asked = path ?? variable {
            if asked == syntheticWord { return SyntheticDataset(seed: syntheticSeed) }
            let full = asked.hasPrefix("/") ? asked : FileSystem.join(currentDirectory, asked)
            if let dataset = try open(full) { return dataset }
            throw DatasetError(
                operation: path == nil
                    ? "looking for a data set at $\(environmentVariable)," : "looking for a data set at",
                location: asked,
                expected: "\(CIFAR10.binaryFolder), \(CIFAR10.pythonFolder), \(CIFAR10.binaryArchive), "
                    + "\(CIFAR10.pythonArchive), a folder that holds one of them, or the word "
                    + syntheticWord,
                found: FileSystem.isFolder(full) == nil
                    ? "nothing of that name" : "a folder without any of them")
        }
        let standard = FileSystem.join(currentDirectory, defaultFolder)
        if FileSystem.isFolder(standard) == true, let dataset = try open(standard) { return dataset }
        return SyntheticDataset(seed: syntheticSeed)
    }

    /// Opens the data set at a path; nil where there is none.
    ///
    /// - Throws: ``DatasetError`` where there is one and it is damaged, or a file that is no archive of one.
    public static func open(_ path: String) throws -> (any ImageDataset)? {
        switch FileSystem.isFolder(path) {
        case nil: return nil
        case false?:
            try checkIsNoBatch(path)
            return try ArchiveDataset(path: path)
        case true?: break
        }
        if BinaryDirectory.folder(at: path) != nil { return try BinaryDirectory(path: path) }
        if PythonDirectory.folder(at: path) != nil { return try PythonDirectory(path: path) }
        for archive in [CIFAR10.binaryArchive, CIFAR10.pythonArchive] {
            let file = FileSystem.join(path, archive)
            if FileSystem.isFile(file) { return try ArchiveDataset(path: file) }
        }
        return nil
    }

    /// - Throws: `DatasetError` where a path leads to one of the set's files, by its name.
    private static func checkIsNoBatch(_ path: String) throws {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        for batch in DatasetSplit.allCases.flatMap(CIFAR10.batchNames)
        where [batch, batch + ".bin"].contains(name) {
            throw DatasetError(
                operation: "opening the data set", location: path,
                expected: "the folder that holds all its files",
                found: "one file of it")
        }
    }
}
