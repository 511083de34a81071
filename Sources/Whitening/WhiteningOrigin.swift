internal import Datasets
internal import Digests
internal import Foundation

/// What a whitening follows from: two that follow from the same are the same bits.
struct WhiteningOrigin: Codable, Hashable {
    /// The version of the map's definition, and of the files that keep it.
    static let currentVersion = 1

    var version = WhiteningOrigin.currentVersion
    var method = "zca"
    let epsilon: Double
    let dataset: String
    let channels: Int
    let height: Int
    let width: Int
    let mean: [Float]
    let standardDeviation: [Float]
    let trainingCount: Int
    let testCount: Int
    /// The fingerprints of all records of the data set's training and test split, as they are in its files.
    let fingerprints: [String]
    /// The SHA-256 of the numbers of the records that the map follows from.
    let chosen: String

    init(
        _ dataset: any ImageDataset, training: [Int], epsilon: Double, fingerprints: (UInt64, UInt64)
    ) {
        let format = dataset.format
        self.epsilon = epsilon
        self.dataset = dataset.format.name
        (channels, height, width) = (format.channels, format.height, format.width)
        (mean, standardDeviation) = (format.mean, format.standardDeviation)
        trainingCount = dataset.count(of: .training)
        testCount = dataset.count(of: .test)
        self.fingerprints = [fingerprints.0, fingerprints.1].map { String($0, radix: 16) }
        var digest = Digest.sha256()
        for record in training {
            withUnsafeBytes(of: UInt64(record).littleEndian) { digest.update($0) }
        }
        chosen = digest.hexadecimal
    }

    /// All of it, as text.
    var text: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        // Numbers, strings and lists of them: nothing that could not be encoded.
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    /// The name of the folder that keeps the whitened records.
    var name: String {
        var digest = Digest.sha256()
        digest.update(Array(text.utf8))
        return "\(method)-\(digest.hexadecimal.prefix(16))"
    }
}
