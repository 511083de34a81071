import DurableFiles
import Foundation
import Metrics
import ZstdFrames

extension FuzzTarget {
    /// What a resumed run opens and cuts: CSV, JSON Lines, the log of steps, TensorBoard's names.
    static func logTargets(in folder: String) throws -> [FuzzTarget] {
        let position = MetricsPosition(epoch: 2, step: 20)
        let texts = bytes([
            "\n", ",", "{\"epoch\":", "\"step\":", "}", "{\"epoch\":2,\"step\":20}\n", "2,20,\n", "nan",
            "\r\n",
            "9223372036854775808", "\u{0}", "\u{feff}",
        ])
        func seed(_ name: String, _ open: (String) throws -> any MetricsSink) throws -> [UInt8] {
            let path = folder + "/" + name
            let sink = try open(path)
            for step in 1...30 {
                try sink.recordStep(sampleStep(step))
                if step % 10 == 0 { try sink.recordEpoch(sampleEpoch(step / 10)) }
            }
            try sink.close()
            return [UInt8](try Files.read(path))
        }
        func target(
            _ name: String, tokens: [[UInt8]], lines: @escaping (Data) throws -> Data,
            wrapped: @escaping ([UInt8]) throws -> Data,
            open: @escaping (String, MetricsOpening) throws -> any MetricsSink
        ) throws -> FuzzTarget {
            let original = try seed(name) { try open($0, .new) }
            let path = folder + "/" + name
            return FuzzTarget(
                name: name, seeds: [[UInt8](try lines(Data(original))), []], tokens: tokens
            ) { input in
                let file = try wrapped(input)
                try file.write(to: URL(filePath: path))
                let before = Set(try lines(file).split(separator: 0x0A, omittingEmptySubsequences: false))
                try open(path, .continuing(position)).close()
                // Not with Foundation, which keeps a page for each empty file that it reads.
                let once = try Files.read(path)
                let kept = try lines(once)
                try require(kept.isEmpty || kept.last == 0x0A, "the last line is cut")
                for line in kept.split(separator: 0x0A).dropFirst(name == "metrics.csv" ? 1 : 0) {
                    try require(before.contains(line), "a line that was not there")
                }
                try open(path, .continuing(position)).close()
                try require(try lines(Files.read(path)) == kept, "cut again")
            }
        }
        let frames = { (file: Data) in try ZstdFrameFile(file).contents }
        return [
            try target("metrics.csv", tokens: texts, lines: { $0 }, wrapped: { Data($0) }) {
                try CSVSink(path: $0, opening: $1)
            },
            try target("metrics.jsonl", tokens: texts, lines: { $0 }, wrapped: { Data($0) }) {
                try JSONLinesSink(path: $0, opening: $1)
            },
            // Lines in sound frames, and damaged frames.
            try target(
                "steps.jsonl.zst", tokens: texts, lines: frames,
                wrapped: { input in
                    let half = input.count / 2
                    let parts = try [input[..<half], input[half...]].map { try ZstdFrame.compress(Data($0)) }
                    let file = parts[0] + parts[1]
                    return input.count % 4 == 0 ? file.dropLast(input.count % 23) : file
                }
            ) { try StepLog(path: $0, opening: $1) },
            FuzzTarget(
                name: "tensorboard-names",
                seeds: [Array("events.out.tfevents.1700000000.host.1\nevents.out.tfevents.5.h.2\n".utf8)],
                tokens: bytes(["events.out.tfevents.", "9223372036854775807", "-1", ".", "\n"])
            ) { input in
                let directory = folder + "/events"
                try? FileManager.default.removeItem(atPath: directory)
                try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
                for name in String(decoding: input, as: UTF8.self).split(whereSeparator: \.isNewline).prefix(
                    20)
                {
                    let plain = String(name.prefix(60).filter { $0 != "/" && $0 != "\u{0}" })
                    if !plain.isEmpty {
                        close(Foundation.open(directory + "/" + plain, O_CREAT | O_WRONLY, 0o600))
                    }
                }
                let sink = try TensorBoardSink(directory: directory, opening: .continuing(position))
                try sink.recordEpoch(sampleEpoch(3))
                try sink.close()
                let names = try FileManager.default.contentsOfDirectory(atPath: directory)
                try require(names.contains((sink.path as NSString).lastPathComponent), "no new file")
            },
        ]
    }

    private static func sampleStep(_ step: Int) -> StepRecord {
        StepRecord(
            epoch: (step - 1) / 10 + 1, step: step, learningRate: 0.1, loss: 2 / Double(step), accuracy: 0.25,
            seconds: 0.001)
    }

    private static func sampleEpoch(_ epoch: Int) -> EpochRecord {
        EpochRecord(
            epoch: epoch, step: 10 * epoch, learningRate: 1e-5, trainLoss: .nan, trainAccuracy: 0.5,
            validationLoss: 1.5, validationAccuracy: 0.3, seconds: 2, imagesPerSecond: 25_000)
    }
}
