import Foundation
import Testing

/// A row of `metrics.jsonl`.
struct EpochRow: Decodable {
    let epoch: Int
    let step: Int
    let learningRate: Double
    let trainLoss: Double
    let trainAccuracy: Double
    let validationLoss: Double?
    let validationAccuracy: Double?
    let seconds: Double
    let imagesPerSecond: Double
}

/// `summary.json`.
struct RunSummary: Decodable {
    let testAccuracy: Double
    let testLoss: Double
    let testViews: String?
    let testViewsAccuracy: Double?
    let testViewsLoss: Double?
    let ownTestAccuracy: Double?
    let averagedSha256: String?
    let bestEpoch: Int?
    let bestValidationAccuracy: Double?
    let parameterCount: Int
    let tensorsSha256: String
    let worldSize: Int
    let logicalShards: Int
    let epochs: Int
    let trainSeconds: Double
    let imagesPerSecond: Double
    let incidents: Int?
    let peakMemoryBytes: [Int]?
}

/// What a training run wrote.
struct RunDirectory {
    let url: URL

    private static let decoder: JSONDecoder = {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return decoder
    }()

    func summary() throws -> RunSummary {
        try Self.decoder.decode(RunSummary.self, from: Data(contentsOf: url.appending(path: "summary.json")))
    }

    func epochs() throws -> [EpochRow] {
        try String(contentsOf: url.appending(path: "metrics.jsonl"), encoding: .utf8)
            .split(separator: "\n")
            .map { try Self.decoder.decode(EpochRow.self, from: Data($0.utf8)) }
    }

    /// The fields of `metrics.csv`, its header first.
    func csv() throws -> [[String]] {
        try String(contentsOf: url.appending(path: "metrics.csv"), encoding: .utf8)
            .split(whereSeparator: \.isNewline)
            .map { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }
    }

    /// The checkpoints, oldest first.
    func checkpoints() throws -> [URL] {
        try FileManager.default.contentsOfDirectory(
            at: url.appending(path: "checkpoints"), includingPropertiesForKeys: nil
        )
        .filter { $0.lastPathComponent.wholeMatch(of: /step-\d{8}\.safetensors\.zst/) != nil }
        .sorted { $0.lastPathComponent < $1.lastPathComponent }
    }

    /// The step of the newest checkpoint; 0 where there is none.
    func newestStep() throws -> Int {
        guard FileManager.default.fileExists(atPath: url.appending(path: "checkpoints").path) else {
            return 0
        }
        return try checkpoints().last.flatMap { Int($0.lastPathComponent.dropFirst(5).prefix(8)) } ?? 0
    }

    func newestCheckpoint() throws -> URL { try #require(checkpoints().last, "no checkpoint in \(url.path)") }
}
