/// A data set that is known by name, and how it is opened.
public struct DatasetKind: Sendable {
    /// Its name on the command line: "cifar10".
    public let word: String
    /// The folders and archives that it is published as, for messages.
    let publications: [String]
    /// The names of its files.
    let files: [String]
    /// Opens the set in a folder; nil where it has none of it. `isAsked`: whether this set is meant, whatever the folder says.
    let openFolder: @Sendable (_ path: String, _ isAsked: Bool) throws -> (any ImageDataset)?
    /// Opens the set in an archive; nil where it has no archives.
    let openArchive: (@Sendable (String) throws -> any ImageDataset)?

    /// All that are known. Where a folder holds several, the first is taken.
    public static let all = CIFARSet.all.map(DatasetKind.init) + [.mnist, .fashionMNIST]
}

extension DatasetKind {
    /// One of the sets in CIFAR's files.
    init(_ set: CIFARSet) {
        word = set.word
        publications = CIFARSet.Version.allCases.flatMap {
            [set.publication($0).folder, set.publication($0).archive]
        }
        files = CIFARSet.Version.allCases.flatMap(set.fileNames)
        openFolder = { path, _ in
            if set.folder(at: path, .binary) != nil { return try BinaryDirectory(path: path, set: set) }
            if set.folder(at: path, .python) != nil { return try PythonDirectory(path: path, set: set) }
            let archives = CIFARSet.Version.allCases.map {
                FileSystem.join(path, set.publication($0).archive)
            }
            return try archives.first(where: FileSystem.isFile).map {
                try ArchiveDataset(path: $0, among: [set])
            }
        }
        openArchive = { try ArchiveDataset(path: $0, among: [set]) }
    }
}

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
    /// A path may lead to the folder of a set, to a folder that holds one or its archive, or to an archive; "synthetic"
    /// chooses the synthetic set.
    ///
    /// - Parameters:
    ///   - path: What the command line says, if anything.
    ///   - kind: The set that must be there; nil for any.
    ///   - environment: The process's environment.
    ///   - currentDirectory: The folder that relative paths start from.
    ///   - syntheticSeed: The seed of the synthetic set.
    /// - Throws: ``DatasetError`` where a path or a kind that was asked for leads to no data set, or where a set is
    ///   damaged.
    public static func locate(
        path: String?, kind: DatasetKind? = nil, environment: [String: String], currentDirectory: String,
        syntheticSeed: UInt64
    ) throws -> any ImageDataset {
        let variable = environment[environmentVariable].flatMap { $0.isEmpty ? nil : $0 }
        let asked = path ?? variable ?? (kind == nil ? nil : defaultFolder)
        if let asked {
            if asked == syntheticWord, kind == nil { return SyntheticDataset(seed: syntheticSeed) }
            let full = asked.hasPrefix("/") ? asked : FileSystem.join(currentDirectory, asked)
            if let dataset = try open(full, kind) { return dataset }
            let publications = (kind.map { [$0] } ?? DatasetKind.all).flatMap(\.publications)
            throw DatasetError(
                operation: path == nil && variable != nil
                    ? "looking for a data set at $\(environmentVariable)," : "looking for a data set at",
                location: asked,
                expected: publications.joined(separator: ", ") + ", a folder that holds one of them"
                    + (kind == nil ? ", or the word \(syntheticWord)" : ""),
                found: FileSystem.isFolder(full) == nil
                    ? "nothing of that name" : "a folder without any of them")
        }
        let standard = FileSystem.join(currentDirectory, defaultFolder)
        if FileSystem.isFolder(standard) == true, let dataset = try open(standard) { return dataset }
        return SyntheticDataset(seed: syntheticSeed)
    }

    /// Opens the data set at a path, of a kind or of any; nil where there is none.
    ///
    /// - Throws: ``DatasetError`` where there is one and it is damaged, or a file that is no archive of one.
    public static func open(_ path: String, _ kind: DatasetKind? = nil) throws -> (any ImageDataset)? {
        let kinds = kind.map { [$0] } ?? DatasetKind.all
        switch FileSystem.isFolder(path) {
        case nil: return nil
        case true?:
            for known in kinds {
                if let dataset = try known.openFolder(path, kind != nil) { return dataset }
            }
            return nil
        case false?:
            let name = path.split(separator: "/").last.map(String.init) ?? path
            if kinds.contains(where: { $0.files.contains(name) || $0.openArchive == nil && kind != nil }) {
                throw DatasetError(
                    operation: "opening the data set", location: path,
                    expected: "the folder that holds all its files", found: "one file of it")
            }
            if let open = kind?.openArchive { return try open(path) }
            return try ArchiveDataset(path: path)
        }
    }
}
