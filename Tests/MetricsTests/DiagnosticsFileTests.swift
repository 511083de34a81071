import FileTestSupport
import Foundation
import Images
import Metrics
import Testing

/// diagnostics.jsonl, layers.csv and classes.csv, and the same in TensorBoard's file.
@Suite struct DiagnosticsFileTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private static let classes = ["cat", "dog, large", "\"owl\""]

    private static func sample(_ epoch: Int) -> EpochDiagnostics {
        EpochDiagnostics(
            epoch: epoch, step: 10 * epoch,
            layers: [
                LayerDiagnostics(
                    name: "layers.0", kind: "linear", mean: 0.1, variance: .infinity, deadUnits: nil,
                    histogram: Histogram(minimum: -1, maximum: 1, counts: [3, 4])),
                LayerDiagnostics(
                    name: "layers.1", kind: "ReLU", mean: .nan, variance: 2, deadUnits: 0.25,
                    histogram: Histogram(minimum: 0, maximum: 0, counts: [7, 0])),
            ],
            tensors: [
                TensorDiagnostics(
                    name: "layers.0.weight", norm: 3, gradientNorm: 1e-300, updateNorm: -.infinity,
                    histogram: Histogram(minimum: -0.5, maximum: 2.5, counts: [1, 2]))
            ],
            confusion: ConfusionMatrix(classes: classes, counts: [[2, 1, 0], [0, 3, 0], [0, 0, 0]]),
            seconds: [PhaseSeconds(name: "forward", seconds: 0.5)])
    }

    /// Equal, where NaN equals itself.
    private static func areEqual(_ a: [EpochDiagnostics], _ b: [EpochDiagnostics]) -> Bool {
        a.map { "\($0)" } == b.map { "\($0)" }
    }

    private func text(_ name: String) throws -> String {
        String(decoding: try folder.data(name), as: UTF8.self)
    }

    @Test func `A line begins with epoch and step, holds null for what is not finite, and is read back`()
        throws
    {
        let path = folder.path("diagnostics.jsonl")
        let file = try DiagnosticsFile.json(path: path)
        for epoch in 1...3 { try file.recordDiagnostics(Self.sample(epoch), weights: nil) }
        try file.close()
        let lines = try text("diagnostics.jsonl").split(separator: "\n")
        #expect(lines.count == 3)
        #expect(lines[1].hasPrefix(#"{"epoch":2,"step":20,"#))
        #expect(lines[0].contains(#""mean":null"#) && lines[0].contains(#""non_finite":{"mean":"nan"}"#))
        #expect(Self.areEqual(try EpochDiagnostics.read(path), (1...3).map(Self.sample)))
    }

    @Test func `What cannot be a record is passed over`() throws {
        let path = folder.path("diagnostics.jsonl")
        let file = try DiagnosticsFile.json(path: path)
        try file.recordDiagnostics(Self.sample(1), weights: nil)
        try file.close()
        let line = try text("diagnostics.jsonl")
        let broken = [
            "", "{", "{}", String(line.dropLast(20)),
            line.replacingOccurrences(of: "[[2,1,0]", with: "[[2,1]"),
            line.replacingOccurrences(of: "[[2,1,0]", with: "[[-2,1,0]"),
            line.replacingOccurrences(of: "[[2,1,0]", with: "[[9223372036854775807,1,0]"),
            line.replacingOccurrences(of: #""counts":[3,4]"#, with: #""counts":[3,-4]"#),
            line.replacingOccurrences(of: #"{"mean":"nan"}"#, with: #"{"mean":"1"}"#),
        ].map { $0.filter { !$0.isNewline } }
        try folder.put("diagnostics.jsonl", Data((broken + [line]).joined(separator: "\n").utf8))
        #expect(Self.areEqual(try EpochDiagnostics.read(path), [Self.sample(1)]))
        #expect(throws: MetricsError.self) { try EpochDiagnostics.read(folder.path("none")) }
    }

    @Test
    func `Tables have a row for each layer, tensor and class, and empty fields where there is no value`()
        throws
    {
        let layers = try DiagnosticsFile.layers(path: folder.path("layers.csv"))
        let classes = try DiagnosticsFile.classes(path: folder.path("classes.csv"), names: Self.classes)
        for file in [layers, classes] {
            try file.recordDiagnostics(Self.sample(4), weights: nil)
            try file.close()
        }
        #expect(
            try text("layers.csv") == """
                epoch,step,name,kind,mean,variance,dead_units,norm,gradient_norm,update_norm
                4,40,layers.0,linear,0.1,inf,,,,
                4,40,layers.1,ReLU,nan,2.0,0.25,,,
                4,40,layers.0.weight,tensor,,,,3.0,1e-300,-inf

                """)
        #expect(
            try text("classes.csv") == """
                epoch,step,class,records,precision,recall,f1,predicted_cat,"predicted_dog, large","predicted_""owl""\"
                4,40,cat,3,1.0,0.6666666666666666,0.8,2,1,0
                4,40,"dog, large",3,0.75,1.0,0.8571428571428571,0,3,0
                4,40,"\""owl""\",0,,,,0,0,0

                """)
    }

    @Test func `A run that goes on keeps the epochs before its position, and no others`() throws {
        let files: [(String, (MetricsOpening) throws -> DiagnosticsFile)] = [
            ("diagnostics.jsonl", { try .json(path: folder.path("diagnostics.jsonl"), opening: $0) }),
            ("layers.csv", { try .layers(path: folder.path("layers.csv"), opening: $0) }),
            (
                "classes.csv",
                { try .classes(path: folder.path("classes.csv"), names: Self.classes, opening: $0) }
            ),
        ]
        for (name, open) in files {
            let whole = try open(.new)
            for epoch in 1...3 { try whole.recordDiagnostics(Self.sample(epoch), weights: nil) }
            try whole.close()
            let expected = try text(name)
            // In the middle of the third epoch.
            let resumed = try open(.continuing(MetricsPosition(epoch: 2, step: 25)))
            #expect(try text(name).count < expected.count)
            try resumed.recordDiagnostics(Self.sample(3), weights: nil)
            try resumed.close()
            #expect(try text(name) == expected, "\(name)")
        }
    }

    @Test func `Without validation there are tensors alone`() throws {
        var record = Self.sample(1)
        (record.layers, record.confusion) = ([], nil)
        let json = try DiagnosticsFile.json(path: folder.path("diagnostics.jsonl"))
        let classes = try DiagnosticsFile.classes(path: folder.path("classes.csv"), names: ["a"])
        for file in [json, classes] { try file.recordDiagnostics(record, weights: nil) }
        #expect(Self.areEqual(try EpochDiagnostics.read(folder.path("diagnostics.jsonl")), [record]))
        #expect(try text("classes.csv") == "epoch,step,class,records,precision,recall,f1,predicted_a\n")
    }

    @Test func `TensorBoard gets every number, the histograms and the picture`() throws {
        let sink = try TensorBoardSink(directory: folder.path)
        let picture = RasterImage(width: 2, height: 1, channels: 1, bytes: [9, 200])
        try sink.recordDiagnostics(Self.sample(2), weights: picture)
        try sink.close()
        let events = try EventsFile(try Data(contentsOf: URL(filePath: sink.path))).events.dropFirst()
        #expect(events.allSatisfy { $0.step == 20 })
        let scalars = events.reduce(into: [:]) { $0.merge($1.scalars) { _, new in new } }
        #expect(scalars["activations/mean/layers.0"] == 0.1)
        #expect(scalars["activations/variance/layers.0"] == .infinity)
        #expect(scalars["activations/mean/layers.1"]?.isNaN == true)
        #expect(scalars["dead_units/layers.1"] == 0.25 && scalars["dead_units/layers.0"] == nil)
        #expect(scalars["norms/weight/layers.0.weight"] == 3)
        #expect(scalars["norms/gradient/layers.0.weight"] == 0)
        #expect(scalars["norms/update/layers.0.weight"] == -.infinity)
        #expect(scalars["classes/precision/cat"] == 1 && scalars["classes/recall/cat"] == Float(2) / 3)
        #expect(scalars["classes/f1/dog, large"] == Float(6.0 / 7))
        #expect(scalars.keys.allSatisfy { !$0.contains("owl") })
        let histograms = events.reduce(into: [:]) { $0.merge($1.histograms) { _, new in new } }
        #expect(
            histograms.keys.sorted() == ["outputs/layers.0", "outputs/layers.1", "weights/layers.0.weight"])
        let weights = try #require(histograms["weights/layers.0.weight"])
        #expect((weights.minimum, weights.maximum, weights.number) == (-0.5, 2.5, 3))
        #expect(weights.limits == [1, 2.5] && weights.buckets == [1, 2])
        let image = try #require(events.last?.images["first_layer/weights"])
        #expect((image.width, image.height, image.colorspace) == (2, 1, 1))
        #expect(try RasterImage(png: image.png, name: "event").grey == picture)
    }

    @Test func `A histogram counts each finite number once, the largest in the last bin`() {
        var histogram = Histogram(from: -1, to: 1, bins: 4)
        histogram.add([-1, -0.5, -0.25, 0, 0.25, 1, .nan, .infinity])
        #expect(histogram.counts == [1, 2, 2, 1])
        #expect(histogram.total == 6)
        var constant = Histogram(from: 3, to: 3, bins: 3)
        constant.add([3, 3])
        #expect(constant.counts == [2, 0, 0])
        let empty = Histogram(from: .infinity, to: -.infinity, bins: 2)
        #expect(empty == Histogram(minimum: 0, maximum: 0, counts: [0, 0]))
    }
}

@Suite struct ConfusionMatrixTests {
    @Test func `Shares follow from the counts, and there is none of nothing`() {
        var matrix = ConfusionMatrix(classes: ["a", "b", "c"])
        #expect(matrix.accuracy == nil && matrix.f1(of: 0) == nil)
        for (label, prediction) in [(0, 0), (0, 0), (0, 1), (1, 1), (1, 0), (1, 0)] {
            matrix.add(label: label, prediction: prediction)
        }
        #expect(matrix.counts == [[2, 1, 0], [2, 1, 0], [0, 0, 0]])
        #expect((matrix.total, matrix.correct, matrix.accuracy) == (6, 3, 0.5))
        #expect((matrix.precision(of: 0), matrix.recall(of: 0)) == (0.5, 2.0 / 3))
        #expect(matrix.f1(of: 0) == 4.0 / 7)
        #expect(matrix.support(of: 1) == 3)
        #expect(matrix.precision(of: 2) == nil && matrix.recall(of: 2) == nil && matrix.f1(of: 2) == nil)
    }
}
