import Checkpoints
import Datasets
import Foundation

/// Linear layers with ReLUs between them, computed in Double by loops: what diagnostics are compared with.
struct PlainNetwork {
    /// By name.
    private(set) var tensors: [String: [Double]] = [:]
    /// The names of the linear layers.
    private let names: [String]

    /// The parameters of a checkpoint of a run with so many hidden layers.
    init(_ checkpoint: Checkpoint, hiddenLayers: Int) throws {
        names = (0...hiddenLayers).map { "layers.\(2 * $0)" }
        for name in names.flatMap({ [$0 + ".weight", $0 + ".bias"] }) {
            tensors[name] = try Self.values(of: name, in: checkpoint)
        }
    }

    private static func values(of name: String, in checkpoint: Checkpoint) throws -> [Double] {
        let tensor = try checkpoint.tensor(name)
        var values = [Float](repeating: 0, count: tensor.shape.reduce(1, *))
        try values.withUnsafeMutableBufferPointer { try tensor.copyFloats(to: $0) }
        return values.map(Double.init)
    }

    /// The images of records as normalised numbers, and their labels.
    static func inputs(
        _ dataset: some ImageDataset, _ records: [Int]
    ) throws -> (x: [[Double]], labels: [Int]) {
        let (format, read) = (dataset.format, try dataset.read(.training, records: records))
        let x = records.indices.map { record in
            (0..<format.imageBytes).map { index -> Double in
                let channel = index / format.planeBytes
                let pixel = Double(read.pixels[record * format.imageBytes + index]) / 255
                return (pixel - Double(format.mean[channel])) / Double(format.standardDeviation[channel])
            }
        }
        return (x, read.labels.map(Int.init))
    }

    private func linear(_ x: [Double], _ name: String) -> [Double] {
        let (weight, bias) = (tensors[name + ".weight"] ?? [], tensors[name + ".bias"] ?? [])
        return bias.indices.map { unit in
            var sum = bias[unit]
            for (index, value) in x.enumerated() { sum += value * weight[unit * x.count + index] }
            return sum
        }
    }

    /// The outputs of all layers for an image, the logits last.
    func outputs(_ x: [Double]) -> [[Double]] {
        var outputs: [[Double]] = []
        for name in names {
            if let last = outputs.last { outputs.append(last.map { max($0, 0) }) }
            outputs.append(linear(outputs.last ?? x, name))
        }
        return outputs
    }

    /// The gradient of the mean cross-entropy, by name.
    func gradients(_ x: [[Double]], _ labels: [Int]) -> [String: [Double]] {
        var gradients = tensors.mapValues { [Double](repeating: 0, count: $0.count) }
        for (image, label) in zip(x, labels) {
            let outputs = outputs(image)
            let logits = outputs[outputs.count - 1]
            let powers = logits.map { exp($0 - (logits.max() ?? 0)) }
            let sum = powers.reduce(0, +)
            var delta = powers.enumerated().map { index, power in
                (power / sum - (index == label ? 1 : 0)) / Double(x.count)
            }
            for index in names.indices.reversed() {
                let input = index == 0 ? image : outputs[2 * index - 1]
                for (unit, value) in delta.enumerated() where value != 0 {
                    gradients[names[index] + ".bias"]?[unit] += value
                    for (place, number) in input.enumerated() {
                        gradients[names[index] + ".weight"]?[unit * input.count + place] += value * number
                    }
                }
                guard index > 0 else { break }
                let weight = tensors[names[index] + ".weight"] ?? []
                delta = input.indices.map { place in
                    guard outputs[2 * index - 2][place] > 0 else { return 0 }
                    return delta.indices.reduce(0) { $0 + delta[$1] * weight[$1 * input.count + place] }
                }
            }
        }
        return gradients
    }
}
