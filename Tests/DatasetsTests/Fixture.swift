import Datasets
import Foundation

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
        for batch in CIFARSet.cifar10.fileNames(.python) {
            try folder.write(try bytes(name), subfolder + "/" + batch)
        }
    }
}
