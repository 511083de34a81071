/// What the readers of CIFAR's files must know of one of the sets that are published in them.
///
/// Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009;
/// https://www.cs.toronto.edu/~kriz/cifar.html
public struct CIFARSet: Sendable, Equatable {
    /// How the files of a set are laid out.
    public enum Version: String, Sendable, CaseIterable {
        /// Records of a label and an image.
        case binary
        /// Pickles.
        case python
    }

    /// What the set is published as in one version.
    public struct Publication: Sendable, Equatable {
        /// The folder in the archive.
        public let folder: String
        /// The archive's name.
        public let archive: String
        /// The archive's MD5, in hexadecimal.
        public let md5: String

        /// Where the archive is.
        public var url: String { "https://www.cs.toronto.edu/~kriz/\(archive)" }
    }

    /// The set's name on the command line.
    public let word: String
    /// The images, their classes, and the set's name.
    public let format: ImageFormat
    /// The names of the training files in the order of their records, as the python version has them; the binary
    /// version adds `.bin`.
    let trainingFiles: [String]
    /// The name of the test file, likewise.
    let testFile: String
    /// The number of records in each training file of the published set.
    let officialTrainingCount: Int
    /// Bytes of a binary record before its image, the last of which is the label.
    let labelBytes: Int
    /// The key of the labels in a pickle.
    let labelKey: String
    /// The text file that names the classes, in the binary version.
    let classNamesFile: String
    /// Further files that are unpacked with them.
    let otherFiles: [String]
    /// What it is published as.
    let binary: Publication
    let python: Publication

    /// Every set.
    public static let all = [CIFARSet.cifar10, .cifar100]

    /// The set's name.
    public var name: String { format.name }
    /// Bytes of a record of the binary version: the label, or labels, then the image.
    public var recordBytes: Int { labelBytes + format.imageBytes }

    /// What it is published as in a version.
    public func publication(_ version: Version) -> Publication {
        switch version {
        case .binary: binary
        case .python: python
        }
    }

    /// The names of the files of a split in the order of their records.
    public func fileNames(of split: DatasetSplit, _ version: Version) -> [String] {
        let names =
            switch split {
            case .training: trainingFiles
            case .test: [testFile]
            }
        return version == .binary ? names.map { $0 + ".bin" } : names
    }

    /// The names of the files of both splits.
    public func fileNames(_ version: Version) -> [String] {
        DatasetSplit.allCases.flatMap { fileNames(of: $0, version) }
    }

    /// The number of records in each file of a split of the published set; 10,000 in every test file.
    func officialRecordsPerFile(of split: DatasetSplit) -> Int {
        switch split {
        case .training: officialTrainingCount
        case .test: 10_000
        }
    }

    /// The number of records of one class in a split of the published set: all classes have as many.
    func officialCountPerClass(of split: DatasetSplit) -> Int {
        officialRecordsPerFile(of: split) * fileNames(of: split, .python).count / format.classCount
    }

    /// Returns the folder at or below `path` that holds a version, if only in part, or nil: one of the published name
    /// that has any of the files, or one of another name that has more than half of them, as these may be called `test`.
    func folder(at path: String, _ version: Version) -> String? {
        func count(_ folder: String) -> Int {
            fileNames(version).count { FileSystem.isFile(FileSystem.join(folder, $0)) }
        }
        let published = publication(version).folder
        let isPublished = path.split(separator: "/").last.map { $0 == published } ?? false
        if count(path) > (isPublished ? 0 : fileNames(version).count / 2) { return path }
        let below = FileSystem.join(path, published)
        return count(below) > 0 ? below : nil
    }
}
