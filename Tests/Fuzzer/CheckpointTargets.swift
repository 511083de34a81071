import Checkpoints
import Collectives
import Datasets
import Foundation
import MLPEngine
import Metrics
import Training
import ZstdFrames

extension FuzzTarget {
    /// What reads checkpoints: frames, safetensors, metadata, configurations.
    static func checkpointTargets(in folder: String) throws -> [FuzzTarget] {
        let path = folder + "/step-00000007.safetensors.zst"
        let frames = try [
            Data(), Data("a line\n".utf8), Data(count: 1 << 22),
            Data((0..<5000).map { UInt8($0 * $0 % 251) }),
        ].map { [UInt8](try ZstdFrame.compress($0)) }
        let checkpoint = try sampleCheckpoint()
        let file = try CheckpointFile.encode(checkpoint)
        let contents = try ZstdFrame.decompress(file)
        let small = try SafetensorsFile(
            tensors: [
                NamedTensor(name: "a", shape: [2, 3], floats: [1, 2, 3, 4, 5, 6]),
                NamedTensor(name: "n", scalar: 7),
                NamedTensor(name: "empty", elementType: .uint8, shape: [0, 4], bytes: Data()),
            ], metadata: ["format": "pt", "größe": "\"\\\n"]
        ).serialized()

        return [
            FuzzTarget(name: "zstd", seeds: frames) { input in
                let content = try ZstdFrame.decompress(Data(input), limit: 1 << 26)
                try require(
                    try ZstdFrame.decompress(try ZstdFrame.compress(content)) == content, "not the same again"
                )
            },
            FuzzTarget(name: "zstd-file", seeds: [frames.flatMap { $0 }] + frames) { input in
                let file = try ZstdFrameFile(Data(input))
                try require(file.wholeSize + file.damagedSize == input.count, "sizes")
                try require((file.damage == nil) == (file.damagedSize == 0), "damage")
            },
            FuzzTarget(
                name: "safetensors", seeds: [[UInt8](small), [UInt8](contents)], tokens: safetensorsTokens
            ) { input in
                let file = try SafetensorsFile.parse(Data(input))
                let again = try SafetensorsFile.parse(try file.serialized())
                let order = { (a: NamedTensor, b: NamedTensor) in a.name < b.name }
                try require(
                    again.metadata == file.metadata
                        && again.tensors.sorted(by: order) == file.tensors.sorted(by: order),
                    "not the same again")
            },
            FuzzTarget(name: "checkpoint", seeds: [[UInt8](file)]) { input in
                let read = try CheckpointFile.decode(Data(input), path: path)
                try require(read.metadata.tensorsSHA256 == TensorDigest.sha256(of: read.tensors), "digest")
            },
            FuzzTarget(
                name: "checkpoint-contents", seeds: [[UInt8](contents)], tokens: safetensorsTokens
            ) { input in
                let frame = try ZstdFrame.compress(Data(input), level: 1)
                let read = try CheckpointFile.decode(frame, path: path)
                try require(
                    try CheckpointFile.decode(try CheckpointFile.encode(read), path: path) == read,
                    "not the same again")
            },
            FuzzTarget(
                name: "metadata", seeds: [MetadataText.text(of: checkpoint)], tokens: MetadataText.tokens,
                isText: true
            ) { input in
                try MetadataText.write(input, tensors: checkpoint.tensors, to: path)
                let inspection = try CheckpointInspection(reading: path)
                try require(!inspection.text.isEmpty && inspection.json.hasPrefix("{"), "inspection")
                try ResumePoint(path: path).checkTensors()
            },
            FuzzTarget(
                name: "configuration", seeds: try configurationSeeds(), tokens: configurationTokens,
                isText: true
            ) { input in
                try evaluate(configuration: input, of: checkpoint, in: folder, at: path)
            },
        ]
    }

    /// A configuration as `config.json`, and in a checkpoint that is evaluated and compared.
    private static func evaluate(
        configuration: [UInt8], of checkpoint: Checkpoint, in folder: String, at path: String
    ) throws {
        let run = RunDirectory(path: folder + "/configured")
        try? FileManager.default.createDirectory(atPath: run.path, withIntermediateDirectories: true)
        try Data(configuration).write(to: URL(filePath: run.configuration))
        var changed = checkpoint
        changed.metadata.configuration = String(decoding: configuration, as: UTF8.self)
        try CheckpointFile.encode(changed).write(to: URL(filePath: path))
        let isStored = (try? ResumePoint(run: run)) != nil
        try require(isStored == (run.storedConfiguration != nil), "config.json is read in two ways")

        let point = try ResumePoint(path: path)
        var settled = point.configuration
        try settled.settle(worldSize: 1)
        let dataset = SyntheticDataset(seed: 1, trainingCount: 200, testCount: 20)
        try settled.validate(against: dataset)
        let comparison = try CheckpointComparison(first: path, second: path)
        try require(comparison.isEqual && !comparison.json.isEmpty, "a checkpoint differs from itself")
        let result = try CheckpointEvaluation.run(
            point, model: .current, dataset: dataset, communicator: SingleProcessCommunicator(),
            mode: .rank0)
        try require(result.loss.samples == 20, "\(result.loss.samples) images")
        try require(result.confusion.correct == result.loss.correct, "hits are counted in two ways")
    }

    /// A small model after 7 steps, as the trainer writes it.
    static func sampleCheckpoint() throws -> Checkpoint {
        try SmallTraining(folder: NSTemporaryDirectory()).checkpoint.get()
    }

    private static func configurationSeeds() throws -> [[UInt8]] {
        var other = SmallTraining.configuration
        other.activation = .relu
        other.schedule = .step(epochs: 2, factor: 0.5)
        other.learningRateScaling = .linear
        other.learningRateRanks = 2
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return try [SmallTraining.configuration, other].map { [UInt8](try encoder.encode($0)) }
    }

    private static let safetensorsTokens = bytes([
        "\"dtype\":", "\"shape\":[", "\"data_offsets\":[0,", "\"F32\"", "\"BOOL\"", "\"C64\"", "__metadata__",
        "{}", "[]", "\"\\ud800\\udc00\"", "\\u0000", "9223372036854775807", "{\"\":", ",", "]", "}", "\"",
        ":",
        "0,0]", "[0]",
    ])
    private static let configurationTokens = bytes([
        "null", "true", "false", "{}", "[]", "-9", "1e19", "1048577", "[4,4,4]",
        "{\"elu\":{\"alpha\":1e300}}",
        "{\"tanh\":{}}", "\"hiddenDimensions\":", "\"epochs\":", "\"logicalShards\":", "\"sync\"", "\"fast\"",
        "\"arithmetic\":", "\"strategy\":", "\"allreduce\"", "\"openblas\"", "\"products\":",
        "\"high\"", "[[[[[[[[", "{\"a\":",
    ])
}

/// The metadata of a checkpoint as lines `key=value`, so that they can be changed while digests and frame stay right.
enum MetadataText {
    static let tokens = FuzzTarget.bytes([
        "\nepoch=", "\nstep=", "\nstep_in_epoch=", "\nlogical_shards=", "\nbest_validation_epoch=",
        "\nbest_validation_step=", "\nbest_validation_accuracy=", "\nbest_validation_loss=", "nan", "-1",
        "9223372036854775807", "\nadditional.epoch_samples=", "\nadditional.epoch_correct=",
        "\nadditional.epoch_seconds=inf", "\nadditional.epoch_loss_sum=nan", "\nformat_version=1",
        "\ntensors_sha256=", "\nconfiguration={}", "\nadditional.=", "\u{1b}[2J", "\u{0}",
    ])

    static func text(of checkpoint: Checkpoint) -> [UInt8] {
        let strings = (try? strings(of: checkpoint)) ?? [:]
        return Array(strings.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)\n" }.joined().utf8)
    }

    /// The metadata as they stand in a checkpoint's file.
    private static func strings(of checkpoint: Checkpoint) throws -> [String: String] {
        let file = try ZstdFrame.decompress(try CheckpointFile.encode(checkpoint))
        return try SafetensorsFile.parse(file).metadata.filter { $0.key != MetadataDigest.key }
    }

    static func write(_ text: [UInt8], tensors: [NamedTensor], to path: String) throws {
        var strings: [String: String] = [:]
        for line in String(decoding: text, as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { strings[String(parts[0])] = String(parts[1]) }
        }
        strings[MetadataDigest.key] = MetadataDigest.sha256(of: strings)
        let file = try SafetensorsFile(tensors: tensors, metadata: strings).serialized()
        try ZstdFrame.compress(file, level: 1).write(to: URL(filePath: path))
    }
}
