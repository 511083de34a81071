extension ImageFormat {
    /// MNIST: 28 × 28 grey images of ten digits.
    public static let mnist = ImageFormat(
        name: "MNIST", channels: 1, height: 28, width: 28, classNames: (0...9).map(String.init),
        mean: [0.1307], standardDeviation: [0.3081])

    /// Fashion-MNIST: 28 × 28 grey images of ten kinds of clothes.
    public static let fashionMNIST = ImageFormat(
        name: "Fashion-MNIST", channels: 1, height: 28, width: 28,
        classNames: [
            "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag",
            "ankle boot",
        ],
        mean: [0.286], standardDeviation: [0.353])
}

extension DatasetKind {
    /// MNIST in its IDX files.
    static let mnist = DatasetKind(word: "mnist", .mnist, folders: ["mnist", "MNIST/raw", "MNIST"])

    /// Fashion-MNIST in its IDX files, which have the names of MNIST's.
    static let fashionMNIST = DatasetKind(
        word: "fashion-mnist", .fashionMNIST, folders: ["fashion-mnist", "FashionMNIST/raw", "FashionMNIST"])

    /// - Parameter folders: Where below a folder its files may lie, beside the folder itself.
    private init(word: String, _ format: ImageFormat, folders: [String]) {
        self.word = word
        publications = folders + ["the IDX files of \(format.name)"]
        files = IDXDirectory.fileNames
        openArchive = nil
        openFolder = { path, isAsked in
            // What the files are, only their folder tells.
            let saysFashion = path.split(separator: "/").suffix(2).contains {
                $0.lowercased().contains("fashion")
            }
            let fits = isAsked || saysFashion == (format == .fashionMNIST)
            return try ((fits ? [path] : []) + folders.map { FileSystem.join(path, $0) })
                .first(where: IDXDirectory.holdsAny).map { try IDXDirectory(path: $0, format: format) }
        }
    }
}

/// Images and labels in IDX files: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, and the same of `t10k`, each as
/// it is or packed by gzip (`.gz`).
///
/// Of packed files a piece at a time is in memory; they are gone through when they are opened, and up to the last record
/// asked for at each read.
///
/// Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", its section on the file format;
/// H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST", 2017.
public struct IDXDirectory: FileDataset {
    /// "MNIST, IDX files".
    public var name: String { "\(format.name), IDX files" }
    /// The folder that holds the files.
    public let location: String
    /// What its images are.
    public let format: ImageFormat
    private let training: Part
    private let test: Part

    private struct Part {
        let images: IDXFile
        let labels: IDXFile
    }

    /// The names that the files of a split may have but for `.gz`, best first: those of the images, those of the labels.
    private static func fileNames(of split: DatasetSplit) -> (images: [String], labels: [String]) {
        let name = split == .training ? "train" : "t10k"
        // Some unpackers leave a dot where the published names have a hyphen.
        return (
            ["\(name)-images-idx3-ubyte", "\(name)-images.idx3-ubyte"],
            ["\(name)-labels-idx1-ubyte", "\(name)-labels.idx1-ubyte"]
        )
    }

    /// Every name that a file of the set may have.
    static var fileNames: [String] {
        DatasetSplit.allCases.flatMap { fileNames(of: $0).images + fileNames(of: $0).labels }.flatMap {
            [$0, $0 + ".gz"]
        }
    }

    /// Whether a folder has any of the files.
    static func holdsAny(_ folder: String) -> Bool {
        fileNames.contains { FileSystem.isFile(FileSystem.join(folder, $0)) }
    }

    /// Looks at the headers and sizes of the files.
    ///
    /// - Parameters:
    ///   - path: The folder that holds the files.
    ///   - format: What its images are.
    /// - Throws: ``DatasetError`` where a file is missing or damaged, holds something else than such images, or other
    ///   numbers of images and labels.
    public init(path: String, format: ImageFormat) throws {
        func file(_ names: [String], _ itemShape: [Int]) throws -> IDXFile {
            let paths = names.flatMap { [$0, $0 + ".gz"] }.map { FileSystem.join(path, $0) }
            return try IDXFile(path: paths.first(where: FileSystem.isFile) ?? paths[0], itemShape: itemShape)
        }
        func part(_ split: DatasetSplit) throws -> Part {
            let names = Self.fileNames(of: split)
            let images = try file(names.images, [format.height, format.width])
            let labels = try file(names.labels, [])
            guard images.count == labels.count else {
                throw DatasetError(
                    operation: "reading", location: labels.path,
                    expected: "\(images.count) labels, one for each image", found: "\(labels.count)")
            }
            return Part(images: images, labels: labels)
        }
        precondition(format.channels == 1, "IDX files hold grey images")
        location = path
        self.format = format
        training = try part(.training)
        test = try part(.test)
    }

    private func part(_ split: DatasetSplit) -> Part {
        switch split {
        case .training: training
        case .test: test
        }
    }

    /// The file of a split's images.
    public func files(of split: DatasetSplit) -> [DatasetFile] {
        let images = part(split).images
        return [
            DatasetFile(
                path: images.path, byteCount: images.byteCount, recordCount: images.count,
                officialRecordCount: split == .training ? 60_000 : 10_000)
        ]
    }

    /// The number of records that the published set has of each class of a split; of MNIST's digits they differ.
    public func officialCountPerClass(of split: DatasetSplit) -> Int? {
        guard format == .fashionMNIST else { return nil }
        return split == .training ? 6000 : 1000
    }

    /// Reads just the records asked for, neighbours at one go.
    ///
    /// - Throws: ``DatasetError`` where the indices are not ascending, distinct and in range, where a file was changed
    ///   since it was opened, or where a label is none of a class.
    public func read(_ split: DatasetSplit, records: [Int]) throws -> ImageRecords {
        let part = part(split)
        var collector = try RecordCollector(
            split, records: records, count: part.images.count, format: format, location: location)
        var labels: [UInt8] = []
        try part.labels.read(records) { _, bytes in
            guard let label = bytes.first else { return }
            try RecordCollector.checkLabel(
                Int(label), of: format, record: records[labels.count], location: part.labels.path)
            labels.append(label)
        }
        try part.images.read(records) { position, bytes in
            collector.place(at: position, label: labels[position], pixels: bytes)
        }
        return collector.finish()
    }
}

/// An IDX file of bytes: a header with the number of items and their shape, all big-endian, then the items.
struct IDXFile {
    let path: String
    /// The file's size.
    let byteCount: Int
    /// The number of items.
    let count: Int
    private let itemBytes: Int
    private let headerBytes: Int

    /// Items read at one go: under 1 MB of images.
    private static let itemsAtOnce = 1024
    private static let typeOfBytes: UInt8 = 8

    private var isPacked: Bool { Self.isPacked(path) }
    private static func isPacked(_ path: String) -> Bool { path.hasSuffix(".gz") }

    /// Looks at a file; goes through it if it is packed.
    ///
    /// - Parameter itemShape: What an item must be: [rows, columns] of an image, [] of a label.
    /// - Throws: `DatasetError` where it is anything else than a whole file of such items.
    init(path: String, itemShape: [Int]) throws {
        let headerBytes = 8 + 4 * itemShape.count
        var header: [UInt8] = []
        let file = try DataFile(path: path)
        var size = file.size
        if Self.isPacked(path) {
            let gzip = try Self.unpack(path)
            try gzip.read(headerBytes, into: &header)
            size = header.count
            var piece: [UInt8] = []
            repeat {
                try gzip.read(1 << 17, into: &piece)
                size += piece.count
            } while !piece.isEmpty
        } else {
            try file.read(at: 0, count: min(headerBytes, size), into: &header)
        }
        func wrong(_ expected: String, _ found: String) -> DatasetError {
            DatasetError(operation: "reading", location: path, expected: expected, found: found)
        }
        let magic = [0, 0, Self.typeOfBytes, UInt8(itemShape.count + 1)]
        guard header.count == headerBytes, header.starts(with: magic) else {
            let start = header.prefix(4).map { "\($0)" }.joined(separator: " ")
            throw wrong(
                "an IDX file of bytes, with \(magic.map { "\($0)" }.joined(separator: " ")) at its start",
                header.count < headerBytes ? "\(header.count) bytes" : start)
        }
        let sizes = (1..<headerBytes / 4).map { field in
            header[4 * field..<4 * field + 4].reduce(0) { $0 << 8 | Int($1) }
        }
        guard Array(sizes.dropFirst()) == itemShape else {
            func text(_ shape: some Sequence<Int>) -> String {
                shape.map { "\($0)" }.joined(separator: " × ")
            }
            throw wrong("items of \(text(itemShape)) bytes", "of \(text(sizes.dropFirst()))")
        }
        let itemBytes = itemShape.reduce(1, *)
        guard sizes[0] > 0, size == headerBytes + sizes[0] * itemBytes else {
            throw wrong("\(headerBytes + sizes[0] * itemBytes) bytes for at least one item", "\(size)")
        }
        self.path = path
        byteCount = file.size
        count = sizes[0]
        self.itemBytes = itemBytes
        self.headerBytes = headerBytes
    }

    private static func unpack(_ path: String) throws -> GzipReader {
        try GzipReader(path: path, expected: "an IDX file compressed by gzip")
    }

    /// Reads the items asked for, in their order.
    ///
    /// - Parameters:
    ///   - items: Their indices, ascending, distinct and in range.
    ///   - place: Called with each one's place in `items`, and its bytes.
    /// - Throws: `DatasetError` where the file was changed since it was opened; what `place` throws.
    func read(_ items: [Int], _ place: (Int, ArraySlice<UInt8>) throws -> Void) throws {
        guard let part = RecordPlan(records: items, counts: [count]).parts.first else { return }
        let file = try DataFile(path: path)
        try file.checkSize(byteCount)
        var buffer: [UInt8] = []
        func hand(_ position: Int, from first: Int) throws {
            let start = (items[position] - first) * itemBytes
            try place(position, buffer[start..<start + itemBytes])
        }
        guard isPacked else {
            for run in part.runs(of: items, limit: Self.itemsAtOnce) {
                let first = items[run.lowerBound]
                try file.read(
                    at: headerBytes + first * itemBytes, count: run.count * itemBytes, into: &buffer)
                for position in run { try hand(position, from: first) }
            }
            return
        }
        let gzip = try Self.unpack(path)
        try gzip.read(headerBytes, into: &buffer)
        var (first, position) = (0, 0)
        while position < items.count {
            let rows = min(Self.itemsAtOnce, count - first)
            try gzip.read(rows * itemBytes, into: &buffer)
            guard buffer.count == rows * itemBytes else {
                throw DatasetError(
                    operation: "reading", location: path, expected: "what it held when it was opened",
                    found: "fewer than \(count) items")
            }
            while position < items.count, items[position] < first + rows {
                try hand(position, from: first)
                position += 1
            }
            first += rows
        }
    }
}
