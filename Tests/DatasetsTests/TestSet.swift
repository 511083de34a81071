import ArchiveTestSupport
import Datasets
import Foundation

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

/// What a failing call threw, as text; nil where it did not.
func message(_ body: () throws -> Void) -> String? {
    do {
        try body()
        return nil
    } catch {
        return "\(error)"
    }
}

extension TestSet {
    /// The test set as the official archive has it.
    static func binaryArchive() -> TarBuilder {
        var tar = TarBuilder()
        tar.add("cifar-10-batches-bin/", [], type: "5")
        tar.add("cifar-10-batches-bin/batches.meta.txt", Array("airplane\n".utf8))
        for file in binaryFiles { tar.add("cifar-10-batches-bin/" + file.name, file.bytes) }
        return tar
    }
}
