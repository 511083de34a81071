import Foundation
import Testing

#if canImport(FoundationXML)
import FoundationXML
#endif

extension EndToEnd {
    @Suite("plot and report")
    struct PictureTests {
        @Test("Runs with diagnostics are drawn, and told of on a page with their weights and predictions")
        func pictures() throws {
            let flags = try Runs.flags(epochs: 2) + ["--diagnostics"]
            let (a, b) = try (Program.train(flags), Program.train(flags + ["--lr", "0.03"]))
            let folder = try Scratch.makeDirectory("pictures")
            try Program.succeed(["plot", a.url.path], in: folder)
            let svg = try Data(contentsOf: folder.appending(path: "plot.svg"))
            #expect(XMLParser(data: svg).parse() && svg.count > 3000)
            let what = "train-loss,validation-accuracy,rate,throughput,step-loss,dead-units,gradient-norms"
            try Program.succeed(
                ["plot", a.url.path, b.url.path, "--what", what, "--to", "both.svg"], in: folder)
            let both = try Data(contentsOf: folder.appending(path: "both.svg"))
            #expect(XMLParser(data: both).parse())
            let text = String(decoding: both, as: UTF8.self)
            #expect(text.contains("lr 0.02") && text.contains("lr 0.03") && !text.contains("nan"))

            let data = flags[1]
            try Program.succeed(["report", a.url.path, "--data", data], in: folder)
            let page = try Data(contentsOf: folder.appending(path: "report.html"))
            let html = String(decoding: page, as: UTF8.self)
            #expect(XMLParser(data: page).parse())
            #expect(!html.contains("src=") && !html.contains("href=\"http") && !html.contains("<script"))
            #expect(html.contains("data:image/png;base64,"))
            #expect(
                html.contains("Right, the most certain first")
                    && html.contains("Wrong, the most certain first"))
            #expect(try html.contains(a.summary().tensorsSha256))
            // Other records than the run's are not taken for them.
            let other = try Program.succeed(
                ["report", a.url.path, b.url.path, "--data", "synthetic", "--to", "other.html"], in: folder)
            #expect(other.outputText.contains("2 runs"))
            let otherPage = try String(
                contentsOf: folder.appending(path: "other.html"), encoding: .utf8)
            #expect(otherPage.contains("expected the records that the run was trained on"))
            #expect(!otherPage.contains("Right, the most certain first"))
        }

        @Test("The command on the page repeats the run")
        func repeated() throws {
            let run = try Program.train(Runs.flags(epochs: 1))
            let folder = try Scratch.makeDirectory("repeated")
            let data = try Runs.flags(epochs: 1)[1]
            try Program.succeed(["report", run.url.path, "--data", data], in: folder)
            let html = try String(contentsOf: folder.appending(path: "report.html"), encoding: .utf8)
            let command = try #require(html.firstMatch(of: /<code>dp-train (--data [^<]*)<\/code>/)?.output.1)
            let words = command.split(separator: " ").map(String.init)
            #expect(try Program.train(words).summary().tensorsSha256 == run.summary().tensorsSha256)
        }

        @Test("What cannot be drawn is refused, and a file that is there stays without --force")
        func refusals() throws {
            let run = try Program.train(Runs.flags(epochs: 1)).url.path
            let folder = try Scratch.makeDirectory("refused")
            func refuse(_ words: [String], naming names: [String]) throws {
                expectRefusal(try Program.run(words, in: folder), naming: names)
            }
            for command in ["plot", "report"] {
                try refuse([command], naming: ["Missing expected argument"])
                try refuse([command, folder.path], naming: [folder.path, "config.json"])
                try refuse([command, "nowhere"], naming: ["nowhere", "found nothing"])
            }
            try refuse(["plot", run, "--what", "loss,beauty"], naming: ["--what", "beauty"])
            try refuse(["plot", run, "--what", "norms"], naming: ["--what norms", "--diagnostics"])
            try refuse(["plot", run, "--to", "plot.pdf"], naming: ["--to", "plot.pdf"])
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
            let file = folder.appending(path: "plot.svg")
            try Data("mine".utf8).write(to: file)
            try refuse(["plot", run], naming: ["--to plot.svg", "--force"])
            #expect(try Data(contentsOf: file) == Data("mine".utf8))
            try Program.succeed(["plot", run, "--force"], in: folder)
            #expect(try Data(contentsOf: file).count > 1000)
        }

        @Test("PNG is made by rsvg-convert, and without it the message says what to do")
        func png() throws {
            let run = try Program.train(Runs.flags(epochs: 1)).url.path
            let folder = try Scratch.makeDirectory("png")
            let words = ["plot", run, "--to", "plot.png"]
            let outcome = try Program.run(words, in: folder, environment: ["PATH": folder.path])
            expectRefusal(outcome, naming: ["rsvg-convert", "librsvg2-bin"])
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
            // One that only copies, so that the test depends on nothing that may not be there.
            let stand = folder.appending(path: "rsvg-convert")
            try Data("#!/bin/sh\n/bin/cp \"$5\" \"$4\"\n".utf8).write(to: stand)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: stand.path)
            try Program.succeed(words, in: folder, environment: ["PATH": folder.path])
            let picture = try Data(contentsOf: folder.appending(path: "plot.png"))
            #expect(picture.starts(with: Data("<svg".utf8)))
        }
    }
}
