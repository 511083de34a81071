import Foundation
import MLPEngine

/// Short training runs as PyTorch computes them, from `Fixtures/golden.json` (made by `make_golden.py`).
struct GoldenRuns: Decodable {
    struct Tensor: Decodable {
        let shape: [Int]
        let values: [Double]
    }

    struct Batch: Decodable {
        let x: [[Double]]
        let labels: [Int32]?
        let targets: [[Double]]?
    }

    struct Optimizer: Decodable {
        let lr: Double
        let momentum: Double
        let nesterov: Bool
        let weightDecay: Double
    }

    struct Case: Decodable {
        let name: String
        let inputs: Int
        let hidden: [Int]
        let classes: Int
        let activation: String
        let eluAlpha: Double
        let batchNorm: Bool
        let residual: Bool
        let optimizer: Optimizer
        let initial: [String: Tensor]
        let batches: [Batch]
        let losses: [Double]
        let final: [String: Tensor]
        let evaluationLogits: [[Double]]

        var configuration: MLPConfiguration {
            let function: Activation =
                switch activation {
                case "relu": .relu
                case "tanh": .tanh
                default: .elu(alpha: eluAlpha)
                }
            return MLPConfiguration(
                inputs: inputs, hiddenDimensions: hidden, classes: classes, activation: function,
                batchNorm: batchNorm, residual: residual)
        }
    }

    let cases: [Case]

    static func load() throws -> GoldenRuns {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Fixtures/golden.json")
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(GoldenRuns.self, from: Data(contentsOf: file))
    }
}
