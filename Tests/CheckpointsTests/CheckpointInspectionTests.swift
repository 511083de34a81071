import Checkpoints
import FileTestSupport
import Foundation
import Testing

@Suite struct CheckpointInspectionTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func inspect(_ checkpoint: Checkpoint) throws -> CheckpointInspection {
        try folder.put("c.zst", try CheckpointFile.encode(checkpoint))
        return try CheckpointInspection(reading: folder.path("c.zst"))
    }

    @Test func `The norm is the root of the sum of squares, for each element type that has one`() throws {
        #expect(try NamedTensor(name: "x", shape: [2], floats: [3, -4]).l2Norm == 5)
        #expect(NamedTensor(name: "i", integers: [6, 8]).l2Norm == 10)
        #expect(try NamedTensor(name: "b", elementType: .uint8, shape: [1], bytes: Data([255])).l2Norm == 255)
        let two = Data([0x00, 0x40])
        #expect(try NamedTensor(name: "b", elementType: .bfloat16, shape: [1], bytes: two).l2Norm == 2)
        #expect(try NamedTensor(name: "h", elementType: .float16, shape: [1], bytes: two).l2Norm == nil)
        #expect(try NamedTensor(name: "e", shape: [0], floats: []).l2Norm == 0)
    }

    @Test func `The JSON says what the checkpoint holds`() throws {
        let checkpoint = try sampleCheckpoint()
        let inspection = try inspect(checkpoint)
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(inspection.json.utf8)) as? [String: Any])
        #expect(object["tensors_sha256"] as? String == TensorDigest.sha256(of: checkpoint.tensors))
        #expect((object["position"] as? [String: Int])?["step_in_epoch"] == 39)
        #expect((object["configuration"] as? [String: Any])?["batchSize"] as? Int == 128)
        #expect(object["compressed_bytes"] as? Int == (try folder.data("c.zst").count))
        #expect((object["raw_bytes"] as? Int ?? 0) > 64 * 30 * 4)
        #expect((object["tensors"] as? [Any])?.count == 5)
        #expect(inspection.json.contains("\"accuracy\" : 0.30000000000000004,"))
    }

    @Test func `Control characters in a file are shown, not obeyed`() throws {
        let hostile = "\u{1b}[2J\u{9b}31m\u{7f}\u{202e}\nintegrity: forged\r\0\u{e0041}"
        var checkpoint = try sampleCheckpoint()
        checkpoint.metadata.configuration = hostile
        checkpoint.metadata.arithmetic = hostile
        checkpoint.metadata.programVersion = hostile
        checkpoint.metadata.additional = [hostile: hostile]
        let tensor = try NamedTensor(name: hostile, shape: [1], floats: [1])
        let inspection = try inspect(Checkpoint(tensors: [tensor], metadata: checkpoint.metadata))
        for text in [inspection.text, inspection.json] {
            let bad = text.unicodeScalars.filter {
                $0 != "\n" && [.control, .format].contains($0.properties.generalCategory)
            }
            #expect(bad.isEmpty)
            #expect(text.contains("\\u001b[2J"))
        }
        #expect(!inspection.text.contains("\nintegrity: forged"))
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(inspection.json.utf8)) as? [String: Any])
        #expect(object["arithmetic"] as? String == hostile)
    }

    @Test func `Numbers that are not finite and a configuration that is not JSON do no harm`() throws {
        var checkpoint = try sampleCheckpoint()
        checkpoint.tensors = [try NamedTensor(name: "x", shape: [1], floats: [.nan])]
        checkpoint.metadata.configuration = "not JSON"
        checkpoint.metadata.bestValidation?.loss = .infinity
        let inspection = try inspect(checkpoint)
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(inspection.json.utf8)) as? [String: Any])
        #expect(object["configuration"] as? String == "not JSON")
        #expect((object["best_validation"] as? [String: Any])?["loss"] is NSNull)
        #expect(inspection.text.contains("nan"))
    }

    @Test func `The text has a line for each tensor and field`() throws {
        let text = try inspect(try sampleCheckpoint()).text
        let lines = text.split(separator: "\n")
        #expect(lines.contains("format version:   1"))
        #expect(
            lines.contains {
                $0.hasPrefix("  layers.0.weight") && $0.contains("F32") && $0.contains("[64, 30]")
            })
        #expect(lines.contains { $0.contains("\"batchSize\" : 128") })
        #expect(lines.contains("position:         step 390: epochs completed 1, steps of the next 39"))
    }

    @Test func `A damaged file is an error of one line`() throws {
        try folder.put("c.zst", try CheckpointFile.encode(try sampleCheckpoint()).prefix(500))
        let error = #expect(throws: CheckpointError.self) {
            try CheckpointInspection(reading: folder.path("c.zst"))
        }
        #expect(error?.description.contains("\n") == false)
        #expect(error?.description.contains("c.zst is damaged: truncated") == true)
    }
}
