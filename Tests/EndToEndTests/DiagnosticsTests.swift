import Foundation
import Images
import Testing

extension EndToEnd {
    @Suite("Diagnostics, evaluate --split and classify")
    struct DiagnosticsTests {
        /// The lines of `diagnostics.jsonl` without the seconds, and the tables.
        private func recorded(_ run: RunDirectory) throws -> [String] {
            func text(_ name: String) throws -> String {
                try String(contentsOf: run.url.appending(path: name), encoding: .utf8)
            }
            let lines = try text("diagnostics.jsonl").split(separator: "\n").map { line in
                var object = try #require(
                    JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
                #expect(object.removeValue(forKey: "seconds") != nil)
                let data = try JSONSerialization.data(withJSONObject: object, options: .sortedKeys)
                return String(decoding: data, as: UTF8.self)
            }
            return try lines + [text("layers.csv"), text("classes.csv")]
        }

        @Test("--diagnostics changes no weight, and records the same on one rank and on two")
        func diagnostics() throws {
            let flags = try Runs.flags(epochs: 2) + ["--activation", "relu", "--dropout", "0.1"]
            let plain = try Program.train(flags)
            let alone = try Program.train(flags + ["--diagnostics"])
            let shared = try Program.train(flags + ["--diagnostics", "--evaluation", "sharded"], ranks: 2)
            for run in [alone, shared] {
                #expect(try run.summary().tensorsSha256 == plain.summary().tensorsSha256)
            }
            let records = try recorded(alone)
            #expect(records.count == 2 + 2)
            #expect(try recorded(shared) == records)
            // Five layers and six tensors, ten classes, an epoch each.
            #expect(records[2].split(separator: "\n").count == 1 + 2 * (5 + 6))
            #expect(records[3].split(separator: "\n").count == 1 + 2 * 10)
        }

        private struct Evaluation: Decodable {
            struct Class: Decodable {
                let name: String
                let images: Int
            }
            let split: String
            let images: Int
            let correct: Int
            let classes: [Class]
            let confusion_matrix: [[Int]]
        }

        @Test("evaluate shows each split's classes, in text and in JSON, the same on more ranks")
        func evaluate() throws {
            let run = try Program.train(Runs.flags(epochs: 1))
            let data = Array(try Runs.flags(epochs: 1).prefix(2))
            let words = try ["evaluate", run.newestCheckpoint().path] + data
            for (split, images) in [("train", 2400), ("validation", 200), ("test", 250)] {
                let json = try Program.succeed(words + ["--split", split, "--json"]).output
                let result = try JSONDecoder().decode(Evaluation.self, from: json)
                #expect(result.split == split && result.images == images)
                #expect(result.confusion_matrix.reduce(0) { $0 + $1.reduce(0, +) } == images)
                #expect(
                    result.confusion_matrix.indices.reduce(0) { $0 + result.confusion_matrix[$1][$1] }
                        == result.correct)
                #expect(result.classes.map(\.images) == result.confusion_matrix.map { $0.reduce(0, +) })
            }
            let text = try Program.succeed(words + ["--split", "validation"]).outputText
            #expect(text.contains("validation accuracy") && text.contains("precision"), "\(text)")
            #expect(text.split(separator: "\n").allSatisfy { $0.count <= 100 || $0.hasPrefix("data ") })
            let shared = try Program.succeed(
                words + ["--split", "validation", "--evaluation", "sharded"], ranks: 3)
            #expect(shared.outputText == text)
        }

        @Test("evaluate refuses a split that the run does not have")
        func noValidation() throws {
            let run = try Program.train(
                ["--data", SmallData.directory().path] + SmallData.flags + ["--validation-size", "0"])
            let words = try ["evaluate", run.newestCheckpoint().path, "--data", SmallData.directory().path]
            expectRefusal(
                try Program.run(words + ["--split", "validation"]), naming: ["--validation-size 0"])
            expectRefusal(try Program.run(words + ["--split", "all"]), naming: ["--split", "all"])
        }

        private struct Answer: Decodable {
            struct Class: Decodable {
                let name: String
                let probability: Double
            }
            let image: String
            let true_class: String?
            let classes: [Class]
        }

        @Test("classify tells the classes of PNG files and of records, on one rank and on two")
        func classify() throws {
            let run = try Program.train(Runs.flags(epochs: 1))
            let checkpoint = try run.newestCheckpoint().path
            let data = Array(try Runs.flags(epochs: 1).prefix(2))
            let path = try Scratch.newPath("picture.png").path
            let picture = RasterImage(
                width: 50, height: 40, channels: 3, bytes: (0..<6000).map { UInt8($0 * 7 % 256) })
            try picture.pngData().write(to: URL(filePath: path))

            let words = ["classify", checkpoint, path, "test:17", "validation:199"] + data
            let json = try Program.succeed(words + ["--json", "--top", "10"]).output
            let answers = try JSONDecoder().decode([Answer].self, from: json)
            #expect(answers.map(\.image) == [path, "test:17", "validation:199"])
            #expect(answers[0].true_class == nil && answers[1].true_class != nil)
            for answer in answers {
                let shares = answer.classes.map(\.probability)
                #expect(shares == shares.sorted(by: >) && abs(shares.reduce(0, +) - 1) < 1e-9)
                #expect(Set(answer.classes.map(\.name)).count == 10)
            }
            let text = try Program.succeed(words + ["--best"]).outputText
            #expect(text.split(separator: "\n").count == 3 * (1 + 3), "\(text)")
            #expect(try Program.succeed(words + ["--best"], ranks: 2).outputText == text)
            // A picture alone needs no data.
            try Program.succeed(["classify", checkpoint, path])
        }

        @Test("classify refuses what is no picture and no record by name")
        func refused() throws {
            let run = try Program.train(Runs.flags(epochs: 1))
            let checkpoint = try run.newestCheckpoint().path
            let folder = try Scratch.makeDirectory("pictures")
            func file(_ name: String, _ bytes: Data) throws -> String {
                let url = folder.appending(path: name)
                try bytes.write(to: url)
                return url.path
            }
            let png = try RasterImage(
                width: 40, height: 40, channels: 1, bytes: (0..<1600).map { UInt8($0 * $0 % 251) }
            ).pngData()
            let cases = [
                (try file("text.png", Data("no picture".utf8)), "expected a PNG file"),
                (try file("empty.png", Data()), "expected a PNG file"),
                (try file("half.png", png.prefix(png.count / 2)), "expected a whole PNG file"),
                (folder.appending(path: "none.png").path, "No such file"),
                (folder.path, "a folder"),
            ]
            for (path, reason) in cases {
                expectRefusal(try Program.run(["classify", checkpoint, path]), naming: [path, reason])
            }
            let data = Array(try Runs.flags(epochs: 1).prefix(2))
            expectRefusal(
                try Program.run(["classify", checkpoint, "validation:200"] + data),
                naming: ["validation:200", "0 to 199"])
            expectRefusal(
                try Program.run(["classify", checkpoint, "test:1", "--top", "0"] + data), naming: ["--top"])
        }
    }
}
