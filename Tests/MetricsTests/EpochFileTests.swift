import FileTestSupport
import Foundation
import Metrics
import Testing

@Suite struct EpochFileTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func csv(_ opening: MetricsOpening = .new) throws -> CSVSink {
        try CSVSink(path: folder.path("metrics.csv"), opening: opening)
    }

    private func jsonLines(_ opening: MetricsOpening = .new) throws -> JSONLinesSink {
        try JSONLinesSink(path: folder.path("metrics.jsonl"), opening: opening)
    }

    @Test func `CSV has a header row, a row per epoch, and empty fields without a validation`() throws {
        try record(1...20, in: try csv())
        #expect(
            try folder.text("metrics.csv") == """
                epoch,step,learning_rate,train_loss,train_accuracy,validation_loss,validation_accuracy,seconds,\
                images_per_second
                1,10,1e-05,1.0,0.5,,,2.0,25000.0
                2,20,1e-05,0.5,0.5,1.5,0.30000000000000004,2.0,25000.0

                """)
    }

    @Test func `JSON Lines has an object per epoch, and null without a validation`() throws {
        try record(1...20, in: try jsonLines())
        #expect(
            try folder.text("metrics.jsonl") == """
                {"epoch":1,"step":10,"learning_rate":1e-05,"train_loss":1.0,"train_accuracy":0.5,\
                "validation_loss":null,"validation_accuracy":null,"seconds":2.0,"images_per_second":25000.0}
                {"epoch":2,"step":20,"learning_rate":1e-05,"train_loss":0.5,"train_accuracy":0.5,\
                "validation_loss":1.5,"validation_accuracy":0.30000000000000004,"seconds":2.0,\
                "images_per_second":25000.0}

                """)
    }

    @Test func `Numbers that are not finite are valid JSON and are told apart`() throws {
        var epoch = sampleEpoch(2)
        epoch.trainLoss = .nan
        epoch.validationLoss = -.infinity
        try jsonLines().recordEpoch(epoch)
        try csv().recordEpoch(epoch)
        let object = try #require(
            try JSONSerialization.jsonObject(with: folder.data("metrics.jsonl")) as? [String: Any])
        #expect(object["train_loss"] is NSNull)
        #expect(
            object["non_finite"] as? [String: String] == ["train_loss": "nan", "validation_loss": "-inf"])
        #expect(try folder.text("metrics.csv").contains("\n2,20,1e-05,nan,0.5,-inf,"))
    }

    @Test(arguments: [0, 5, 10, 29, 30, 35, 40])
    func `A run that goes on from any step has the same rows as one that was never stopped`(step: Int) throws
    {
        try record(1...40, in: try csv())
        try record(1...40, in: try jsonLines())
        let expected = [try folder.data("metrics.csv"), try folder.data("metrics.jsonl")]
        // Stopped after step 35, resumed from a checkpoint at `step`.
        try record(1...35, in: try csv())
        try record(1...35, in: try jsonLines())
        let position = MetricsPosition(epoch: step / 10, step: step)
        for sink in [try csv(.continuing(position)), try jsonLines(.continuing(position))]
            as [any MetricsSink]
        {
            if step < 40 { try record(step + 1...40, in: sink) }
            try sink.close()
        }
        if step <= 35 {
            #expect([try folder.data("metrics.csv"), try folder.data("metrics.jsonl")] == expected)
        }
        #expect(try folder.names() == ["metrics.csv", "metrics.jsonl"])
    }

    @Test func `A torn or damaged line is dropped, and said to be`() throws {
        try record(1...20, in: try csv())
        try record(1...20, in: try jsonLines())
        for name in ["metrics.csv", "metrics.jsonl"] {
            let whole = try folder.text(name)
            try folder.put(name, Data((whole + "rubbish\n" + "3,30,0.").utf8))
        }
        let position = MetricsOpening.continuing(MetricsPosition(epoch: 3, step: 30))
        let sinks = (try csv(position), try jsonLines(position))
        #expect(sinks.0.notes == ["\(folder.path("metrics.csv")): dropped 2 damaged line(s)"])
        #expect(sinks.1.notes == ["\(folder.path("metrics.jsonl")): dropped 2 damaged line(s)"])
        #expect(try folder.text("metrics.csv").split(separator: "\n").count == 3)
        #expect(try folder.text("metrics.jsonl").split(separator: "\n").count == 2)
    }

    @Test func `Going on without a file begins one, and a new run replaces the old file`() throws {
        let position = MetricsOpening.continuing(MetricsPosition(epoch: 1, step: 10))
        try record(11...20, in: try csv(position))
        #expect(try folder.text("metrics.csv").hasPrefix("epoch,step,"))
        #expect(try folder.text("metrics.csv").split(separator: "\n").count == 2)
        _ = try csv()
        #expect(try folder.text("metrics.csv").split(separator: "\n").count == 1)
    }

    @Test func `A file that cannot be opened is named with the reason`() throws {
        let path = folder.path("none/metrics.csv")
        let error = #expect(throws: MetricsError.self) { try CSVSink(path: path) }
        #expect(error?.description == "cannot open \(path): No such file or directory")
    }

    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/dev/full"), "needs /dev/full (Linux)"))
    func `A full disk is an error that names the file`() throws {
        try FileManager.default.createSymbolicLink(
            atPath: folder.path("metrics.jsonl"), withDestinationPath: "/dev/full")
        let sink = try jsonLines()
        let error = #expect(throws: MetricsError.self) { try sink.recordEpoch(sampleEpoch(1)) }
        #expect(error?.description == "cannot write \(folder.path("metrics.jsonl")): No space left on device")
    }

    @Test func `Rows that did not fit on the disk are written once there is room`() async throws {
        let directory = folder.path
        await #expect(processExitsWith: .success) { [directory = directory as String] in
            let sink = try JSONLinesSink(path: directory + "/metrics.jsonl")
            try limitFileSize(to: 400)
            try sink.recordEpoch(sampleEpoch(1))
            try sink.recordEpoch(sampleEpoch(2))
            #expect(throws: MetricsError.self) { try sink.recordEpoch(sampleEpoch(3)) }
            #expect(throws: MetricsError.self) { try sink.flush() }
            try limitFileSize(to: 100_000)
            try sink.recordEpoch(sampleEpoch(4))
            try sink.close()
        }
        let lines = try folder.text("metrics.jsonl").split(separator: "\n")
        #expect(lines.map { $0.prefix(10) } == (1...4).map { "{\"epoch\":\($0)" })
    }
}
