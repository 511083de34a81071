import ArchiveTestSupport
import Datasets
import Foundation
import Testing

@Suite struct IDXTests {
    private static let counts: [DatasetSplit: Int] = [.training: 2100, .test: 6]

    private static func label(_ record: Int) -> UInt8 { UInt8((7 * record + 3) % 10) }
    private static func pixels(_ record: Int) -> [UInt8] {
        (0..<784).map { UInt8(truncatingIfNeeded: 3 * $0 + 59 * record) }
    }

    private static func header(_ sizes: [Int]) -> [UInt8] {
        [0, 0, 8, UInt8(sizes.count)]
            + sizes.flatMap { size in [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: size >> $0) } }
    }

    /// The bytes of the four files, by name.
    private static var files: [(name: String, bytes: [UInt8])] {
        [(DatasetSplit.training, "train"), (.test, "t10k")].flatMap { split, name in
            let records = 0..<(counts[split] ?? 0)
            return [
                ("\(name)-images-idx3-ubyte", header([records.count, 28, 28]) + records.flatMap(pixels)),
                ("\(name)-labels-idx1-ubyte", header([records.count]) + records.map(label)),
            ]
        }
    }

    private static func write(_ folder: TemporaryFolder, below path: String, packed: Bool) throws {
        for file in files {
            try folder.write(
                packed ? gzip(file.bytes) : file.bytes, "\(path)/\(file.name)\(packed ? ".gz" : "")")
        }
    }

    @Test(arguments: [false, true])
    func `Files as they are and packed ones have the records`(isPacked: Bool) throws {
        let folder = try TemporaryFolder()
        try Self.write(folder, below: "set", packed: isPacked)
        let dataset = try IDXDirectory(path: folder.path + "/set", format: .mnist)
        #expect(dataset.name == "MNIST, IDX files")
        for (split, count) in Self.counts {
            #expect(dataset.count(of: split) == count)
            for wanted in [
                [], [0], [count - 1], [1, 2, count - 2], Array(0..<count), (0..<count).filter { $0 % 3 == 1 },
            ] {
                let records = try dataset.read(split, records: wanted)
                #expect(records.labels == wanted.map(Self.label))
                #expect(records.pixels == wanted.flatMap(Self.pixels))
            }
        }
        for wanted in [[2, 1], [1, 1], [2100], [-1]] {
            #expect(throws: DatasetError.self) { try dataset.read(.training, records: wanted) }
        }
    }

    @Test func `Packed or not, the fingerprint is the same`() throws {
        let folder = try TemporaryFolder()
        let all = Array(0..<2100)
        let fingerprints = try [false, true].map { isPacked in
            try Self.write(folder, below: "\(isPacked)", packed: isPacked)
            return try IDXDirectory(path: folder.path + "/\(isPacked)", format: .mnist)
                .read(.training, records: all).fingerprint
        }
        #expect(fingerprints[0] == fingerprints[1])
    }

    private static let places: [(String, String?, String?)] = [
        ("mnist", nil, "MNIST"), ("MNIST/raw", nil, "MNIST"), ("", nil, "MNIST"),
        ("fashion-mnist", nil, "Fashion-MNIST"), ("FashionMNIST/raw", nil, "Fashion-MNIST"),
        ("", "fashion-mnist", "Fashion-MNIST"), ("fashion-mnist", "mnist", nil), ("mnist", "cifar10", nil),
    ]

    @Test(arguments: places)
    func `The folder tells which set it is, unless one is asked for`(
        _ subfolder: String, _ word: String?, _ name: String?
    ) throws {
        let folder = try TemporaryFolder()
        try Self.write(folder, below: "data/" + subfolder, packed: true)
        let kind = try word.map { word in try #require(DatasetKind.all.first { $0.word == word }) }
        let dataset = try DatasetLocator.open(folder.path + "/data", kind)
        #expect(dataset?.format.name == name)
        // The folder itself is as good where nothing else is asked for.
        if kind == nil {
            #expect(try DatasetLocator.open(folder.path + "/data/" + subfolder)?.format.name == name)
        }
    }

    @Test func `One file of the set is told from an archive`() throws {
        let folder = try TemporaryFolder()
        try Self.write(folder, below: "mnist", packed: true)
        let path = folder.path + "/mnist/train-images-idx3-ubyte.gz"
        let error = try #require(message { _ = try DatasetLocator.open(path) })
        #expect(error.contains("the folder that holds all its files"))
    }

    @Test func `What is missing, cut, or something else is refused by name`() throws {
        let folder = try TemporaryFolder()
        try Self.write(folder, below: "set", packed: false)
        func refusal(_ name: String, _ bytes: [UInt8]?) throws -> String {
            let path = folder.path + "/set/" + name
            let whole = try Data(contentsOf: URL(filePath: path))
            try FileManager.default.removeItem(atPath: path)
            if let bytes { try folder.write(bytes, "set/" + name) }
            defer { try? whole.write(to: URL(filePath: path)) }
            let error = message { _ = try IDXDirectory(path: folder.path + "/set", format: .mnist) }
            #expect(error?.contains(name) == true && error?.contains("\n") == false, "\(error ?? "")")
            return error ?? ""
        }
        let (images, labels) = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
        let pixels = (0..<6).flatMap(Self.pixels)
        #expect(try refusal(images, nil).contains("nothing of that name"))
        #expect(try refusal(images, []).contains("found 0 bytes"))
        #expect(try refusal(images, Self.header([6, 28, 28]) + pixels.dropLast()).contains("found 4719"))
        #expect(try refusal(images, Self.header([6, 28, 28]) + pixels + [0]).contains("found 4721"))
        #expect(try refusal(images, Self.header([3, 56, 28]) + pixels).contains("28 × 28"))
        #expect(try refusal(images, Self.header([6]) + pixels).contains("0 0 8 3"))
        #expect(try refusal(labels, Self.header([5]) + [1, 2, 3, 4, 5]).contains("6 labels"))
        #expect(try refusal(labels, Self.header([0xFFFF_FFFF]) + [1]).contains("4294967303 bytes"))
        #expect(try refusal(labels, Self.header([0])).contains("at least one"))
    }

    @Test func `A label of 10 is named with its file and record when it is read, not before`() throws {
        let folder = try TemporaryFolder()
        try Self.write(folder, below: "set", packed: false)
        try folder.write(Self.header([6]) + [1, 2, 3, 10, 5, 6], "set/t10k-labels-idx1-ubyte")
        let dataset = try IDXDirectory(path: folder.path + "/set", format: .mnist)
        #expect(try dataset.read(.test, records: [0, 4]).labels == [1, 5])
        let error = try #require(message { _ = try dataset.read(.test, records: [0, 3]) })
        #expect(
            error.contains("record 3") && error.contains("t10k-labels-idx1-ubyte")
                && error.contains("found 10"))
    }

    @Test func `A packed file cut short or damaged anywhere is refused`() throws {
        let folder = try TemporaryFolder()
        try Self.write(folder, below: "set", packed: true)
        let name = "set/t10k-images-idx3-ubyte.gz"
        let whole = gzip(Self.files[2].bytes)
        for place in stride(from: 0, to: whole.count - 1, by: max(1, whole.count / 60)) {
            try folder.write(Array(whole[..<place]), name)
            #expect(throws: DatasetError.self) {
                try IDXDirectory(path: folder.path + "/set", format: .mnist)
            }
        }
        // Behind the ten bytes of gzip's own header, of which it ignores some.
        for place in stride(from: 10, to: whole.count, by: max(1, whole.count / 60)) {
            var damaged = whole
            damaged[place] ^= 0x10
            try folder.write(damaged, name)
            #expect(throws: DatasetError.self) {
                try IDXDirectory(path: folder.path + "/set", format: .mnist)
            }
        }
    }

    @Test func `The verifier has notes on unofficial counts, and on balance only where the set is balanced`()
        throws
    {
        let folder = try TemporaryFolder()
        try Self.write(folder, below: "set", packed: true)
        for (format, isBalanced) in [(ImageFormat.mnist, false), (.fashionMNIST, true)] {
            let report = DatasetVerifier.verify(
                try IDXDirectory(path: folder.path + "/set", format: format))
            #expect(report.problems.isEmpty && report.fingerprint != nil)
            #expect(report.notes.contains { $0.contains("2100 records, the official file 60000") })
            #expect(report.notes.contains { $0.contains("per class") } == isBalanced)
        }
    }
}
