import Checkpoints
import Datasets
import Foundation

/// A network of one hidden layer of ReLUs, or none, computed in Double by loops: what diagnostics are compared with.
struct PlainNetwork {
    /// By name.
    private(set) var tensors: [String: [Double]] = [:]
    private let classes: Int
    private let hidden: Int

    /// The parameters of a checkpoint.
    init(_ checkpoint: Checkpoint, hidden: Int, classes: Int) throws {
        (self.hidden, self.classes) = (hidden, classes)
        let names = hidden > 0 ? ["layers.0", "layers.2"] : ["layers.0"]
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
        guard hidden > 0 else { return [linear(x, "layers.0")] }
        let first = linear(x, "layers.0")
        let active = first.map { max($0, 0) }
        return [first, active, linear(active, "layers.2")]
    }

    /// The gradient of the mean cross-entropy, by name.
    func gradients(_ x: [[Double]], _ labels: [Int]) -> [String: [Double]] {
        var gradients = tensors.mapValues { [Double](repeating: 0, count: $0.count) }
        func contribute(_ name: String, _ input: [Double], _ delta: [Double]) {
            for (unit, value) in delta.enumerated() where value != 0 {
                gradients[name + ".bias"]?[unit] += value
                for (index, number) in input.enumerated() {
                    gradients[name + ".weight"]?[unit * input.count + index] += value * number
                }
            }
        }
        for (image, label) in zip(x, labels) {
            let layers = outputs(image)
            let logits = layers[layers.count - 1]
            let powers = logits.map { exp($0 - (logits.max() ?? 0)) }
            let sum = powers.reduce(0, +)
            let delta = powers.enumerated().map { index, power in
                (power / sum - (index == label ? 1 : 0)) / Double(x.count)
            }
            guard hidden > 0 else {
                contribute("layers.0", image, delta)
                continue
            }
            contribute("layers.2", layers[1], delta)
            let weight = tensors["layers.2.weight"] ?? []
            let back = (0..<hidden).map { unit -> Double in
                guard layers[0][unit] > 0 else { return 0 }
                return (0..<classes).reduce(0) { $0 + delta[$1] * weight[$1 * hidden + unit] }
            }
            contribute("layers.0", image, back)
        }
        return gradients
    }
}
