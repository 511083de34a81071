internal import Checkpoints
internal import Foundation

/// What two checkpoints differ in: configuration, position, tensors.
///
/// Notes about how a checkpoint came to be (ranks, seconds, program version) are no difference.
public struct CheckpointComparison {
    private let configuration: [SettingDifference]
    private let positions: [CheckpointMetadata.Position]
    private let tensors: [TensorDifference]
    private let tensorCount: Int

    /// Reads, verifies and compares two checkpoints.
    ///
    /// - Throws: `CheckpointError`, or ``ResumePoint/Failure`` for a checkpoint that is not of a training run.
    public init(first: String, second: String) throws {
        let points = try [ResumePoint(path: first), ResumePoint(path: second)]
        let checkpoints = points.compactMap(\.checkpoint)
        configuration = points[1].configuration.allDifferences(from: points[0].configuration)
        positions = checkpoints.map(\.metadata.position)
        tensors = TensorDifference.between(checkpoints[0].tensors, checkpoints[1].tensors)
        tensorCount = Set(checkpoints.flatMap { $0.tensors.map(\.name) }).count
    }

    /// Whether there is no difference.
    public var isEqual: Bool { configuration.isEmpty && hasSamePosition && tensors.isEmpty }

    /// Lines for people.
    public var text: String {
        var lines = configuration.map { "configuration: \($0)" }
        if configuration.isEmpty { lines.append("configuration: equal") }
        let places = positions.map { "step \($0.step), epochs completed \($0.epoch)" }
        lines.append(
            "position: " + (hasSamePosition ? "equal, \(places[0])" : places.joined(separator: " → ")))
        lines += tensors.map { "tensor \($0)" }
        lines.append("tensors: \(tensorCount - tensors.count) of \(tensorCount) are equal, bit by bit")
        return lines.joined(separator: "\n")
    }

    /// A JSON object with the same contents.
    public var json: String {
        let report = Report(
            equal: isEqual,
            configuration: configuration.map { .init(setting: $0.setting, first: $0.old, second: $0.new) },
            position: positions.map { .init(epoch: $0.epoch, step: $0.step, stepInEpoch: $0.stepInEpoch) },
            tensorCount: tensorCount, tensors: tensors.map(Report.Tensor.init))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return (try? encoder.encode(report)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }

    private var hasSamePosition: Bool { positions[0] == positions[1] }

    fileprivate struct Report: Encodable {
        struct Setting: Encodable {
            let setting, first, second: String
        }

        struct Position: Encodable {
            let epoch, step, stepInEpoch: Int
        }

        struct Tensor: Encodable {
            let name: String
            let difference: String
            var differingElements: Int?
            var elements: Int?
            var unitsInTheLastPlace: UInt32?
            var index: [Int]?
            var first: String?
            var second: String?
        }

        let equal: Bool
        let configuration: [Setting]
        let position: [Position]
        let tensorCount: Int
        let tensors: [Tensor]
    }
}

extension CheckpointComparison.Report.Tensor {
    fileprivate init(_ difference: TensorDifference) {
        name = difference.name
        switch difference.kind {
        case .missing: self.difference = "only in the second"
        case .extra: self.difference = "only in the first"
        case .form(let first, let second):
            self.difference = "form"
            (self.first, self.second) = (first, second)
        case .values(let values):
            self.difference = "values"
            differingElements = values.count
            elements = values.elementCount
            unitsInTheLastPlace = values.largest
            index = values.index
            (first, second) = (values.first, values.second)
        }
    }
}
