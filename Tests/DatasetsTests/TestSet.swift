import Datasets
import Foundation

/// A folder that goes when the test does.
final class TemporaryFolder {
    let path: String

    init() throws {
        path =
            FileManager.default.temporaryDirectory.appendingPathComponent("datasets-\(UUID().uuidString)")
            .path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Writes a file, with the folders it needs.
    @discardableResult
    func write(_ bytes: [UInt8], _ name: String) throws -> String {
        let url = URL(fileURLWithPath: path).appendingPathComponent(name)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: url)
        return url.path
    }

    func contents() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    }
}

/// A small set with known contents.
enum TestSet {
    static let counts = [
        "data_batch_1": 4, "data_batch_2": 1, "data_batch_3": 7, "data_batch_4": 3, "data_batch_5": 5,
    ]
    static let testCount = 6

    static func label(_ file: Int, _ record: Int) -> UInt8 { UInt8((3 * file + 7 * record + 2) % 10) }

    static func pixels(_ file: Int, _ record: Int) -> [UInt8] {
        (0..<3072).map { UInt8(truncatingIfNeeded: 7 * $0 + 31 * record + 53 * file + $0 / 1024 * 50) }
    }

    /// The bytes of each file of the binary version, by name.
    static var binaryFiles: [(name: String, bytes: [UInt8])] {
        let files = (1...5).map { ("data_batch_\($0)", $0) } + [("test_batch", 6)]
        return files.map { name, file in
            let count = counts[name] ?? testCount
            return (name + ".bin", (0..<count).flatMap { [label(file, $0)] + pixels(file, $0) })
        }
    }

    static func writeBinary(_ folder: TemporaryFolder, below name: String = "cifar-10-batches-bin") throws {
        for file in binaryFiles { try folder.write(file.bytes, name + "/" + file.name) }
    }

    /// All records of a split, from the definition.
    static func records(_ split: DatasetSplit) -> [(label: UInt8, pixels: [UInt8])] {
        let files = split == .training ? Array(1...5) : [6]
        return files.flatMap { file in
            (0..<(counts["data_batch_\(file)"] ?? testCount)).map { (label(file, $0), pixels(file, $0)) }
        }
    }
}

/// The pickles beside the tests.
enum Fixture {
    static let batches = [
        "python2-protocol2", "python3-numpy1-protocol2", "python3-numpy1-protocol3",
        "python3-numpy1-protocol4",
        "python3-numpy1-protocol5", "python3-numpy2-protocol2", "python3-numpy2-protocol3",
        "python3-numpy2-protocol4", "python3-numpy2-protocol5",
    ]

    static let labels: [UInt8] = [3, 8, 0]

    /// The pixels that all batches hold.
    static var pixels: [UInt8] {
        (0..<3).flatMap { record in
            (0..<3072).map { UInt8(truncatingIfNeeded: 7 * $0 + 31 * record + 50 * ($0 / 1024)) }
        }
    }

    static func bytes(_ name: String) throws -> [UInt8] {
        let file = Bundle.module.bundleURL.appendingPathComponent("Fixtures/\(name).pickle")
        return [UInt8](try Data(contentsOf: file))
    }

    /// Writes a batch six times, as a whole set.
    static func writeSet(_ name: String, to folder: TemporaryFolder, below subfolder: String) throws {
        for batch in DatasetSplit.allCases.flatMap(CIFAR10.batchNames) {
            try folder.write(try bytes(name), subfolder + "/" + batch)
        }
    }
}

/// What a failing call threw, as text; nil where it did not.
func message(_ body: () throws -> Void) -> String? {
    do {
        try body()
        return nil
    } catch {
        return "\(error)"
    }
}
