import Foundation
import Images
import Metrics

extension FuzzTarget {
    /// Pictures that people hand in, and what diagnostics are read from.
    static func recordTargets(in folder: String) throws -> [FuzzTarget] {
        let pictures = [(1, 3), (3, 1)].map { height, channels in
            RasterImage(
                width: 9, height: height, channels: channels,
                bytes: (0..<9 * height * channels).map { UInt8(truncatingIfNeeded: $0 * 37) })
        }
        let path = folder + "/diagnostics.jsonl"
        let file = try DiagnosticsFile.json(path: path)
        for epoch in 1...3 { try file.recordDiagnostics(sampleDiagnostics(epoch), weights: nil) }
        try file.close()
        let lines = try [UInt8](Data(contentsOf: URL(filePath: path)))
        return [
            FuzzTarget(
                name: "png", seeds: try pictures.map { [UInt8](try $0.pngData()) },
                tokens: bytes(["IHDR", "IDAT", "IEND", "PLTE", "tRNS", "gAMA", "iCCP", "sRGB"])
            ) { input in
                // Chunks with a wrong checksum get no further, so most get the right one.
                let png = input.count % 8 == 0 ? input : withChunkChecksums(input)
                let image = try RasterImage(png: Data(png), name: "picture")
                try require(
                    image.bytes.count == 3 * image.width * image.height, "\(image.bytes.count) bytes")
                let small = image.fitted(width: 4, height: 3)
                try require(small.grey.planes.count == 12, "another size than was asked for")
            },
            FuzzTarget(
                name: "diagnostics", seeds: [lines, []],
                tokens: bytes([
                    "null", "\"non_finite\":", "\"counts\":", "[", "]", "{", "}", "nan", "-1", "1e999",
                    "9223372036854775807", "\n",
                ]), isText: true
            ) { input in
                try Data(input).write(to: URL(filePath: path))
                for record in try EpochDiagnostics.read(path) {
                    for histogram in record.layers.map(\.histogram) + record.tensors.map(\.histogram) {
                        try require(histogram.total >= 0, "\(histogram)")
                    }
                    guard let confusion = record.confusion else { continue }
                    let shares = confusion.classes.indices.flatMap {
                        [confusion.precision(of: $0), confusion.recall(of: $0), confusion.f1(of: $0)]
                    }
                    try require(
                        shares.allSatisfy { (0...1).contains($0 ?? 0) }
                            && confusion.correct <= confusion.total,
                        "\(confusion)")
                }
            },
        ]
    }

    private static func sampleDiagnostics(_ epoch: Int) -> EpochDiagnostics {
        let histogram = Histogram(minimum: -1, maximum: 2, counts: [1, 0, 5])
        return EpochDiagnostics(
            epoch: epoch, step: 10 * epoch,
            layers: [
                LayerDiagnostics(
                    name: "layers.1", kind: "ReLU", mean: .nan, variance: 2, deadUnits: 0.5,
                    histogram: histogram)
            ],
            tensors: [
                TensorDiagnostics(
                    name: "layers.0.weight", norm: 3, gradientNorm: .infinity, updateNorm: 0.25,
                    histogram: histogram)
            ],
            confusion: ConfusionMatrix(classes: ["a", "b"], counts: [[3, 1], [0, 2]]),
            seconds: [PhaseSeconds(name: "forward", seconds: 0.5)])
    }

    /// A PNG whose chunks, as far as they are there, have the checksums (CRC-32) of what they hold.
    private static func withChunkChecksums(_ png: [UInt8]) -> [UInt8] {
        var png = png
        var start = 8
        while start + 12 <= png.count {
            let length = png[start..<start + 4].reduce(0) { $0 << 8 | Int($1) }
            guard length <= png.count - start - 12 else { break }
            let end = start + 8 + length
            var sum = ~UInt32(0)
            for byte in png[start + 4..<end] {
                sum ^= UInt32(byte)
                for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0xEDB8_8320 : sum >> 1 }
            }
            for index in 0..<4 { png[end + index] = UInt8(truncatingIfNeeded: ~sum >> (24 - 8 * index)) }
            start = end + 4
        }
        return png
    }
}
