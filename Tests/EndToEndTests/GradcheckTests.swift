import Foundation
import Testing

extension EndToEnd {
    @Suite("gradcheck")
    struct GradcheckTests {
        @Test("Every tensor of the network of the flags agrees, and no file is written")
        func agrees() throws {
            let folder = try Scratch.makeDirectory("checked")
            let flags = "--hidden-dims 9,7 --activation gelu --batch-norm sync --residual --dropout 0.25"
            let outcome = try Program.run(
                ["gradcheck"] + flags.split(separator: " ").map(String.init), in: folder)
            #expect(outcome.status == 0, "\(outcome.summary)")
            let lines = outcome.outputText.split(separator: "\n")
            #expect(lines.first?.hasPrefix("tensor ") == true, "\(outcome.summary)")
            // Two blocks of three linear layers and two norms each, and the last layer, weights and biases each.
            #expect(lines.count { $0.hasSuffix(" agrees") } == 2 * 11, "\(outcome.summary)")
            #expect(lines.last?.hasPrefix("All gradients agree") == true, "\(outcome.summary)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
        }

        @Test("On several ranks it says once what it says on one", arguments: [2, 3])
        func ranks(count: Int) throws {
            let flags = ["gradcheck", "--hidden-dims", "5", "--batch-norm", "local"]
            let (alone, together) = try (Program.run(flags), Program.run(flags, ranks: count))
            #expect(alone.status == 0 && together.status == 0, "\(together.summary)")
            #expect(together.outputText == alone.outputText)
            let refused = try Program.run(["gradcheck", "--hidden-dims", "100000"], ranks: count)
            #expect(refused.status == 64, "\(refused.summary)")
            #expect(
                refused.errorText.components(separatedBy: "dp-train: error:").count == 2,
                "\(refused.summary)")
        }

        @Test("A setting that cannot be used is named")
        func refused() throws {
            for flags in [["--hidden-dims", "0"], ["--hidden-dims", "100000"], ["--dropout", "1"]] {
                let outcome = try Program.run(["gradcheck"] + flags)
                #expect(outcome.status == 64, "\(outcome.summary)")
                #expect(outcome.errorText.contains(flags[0]), "\(outcome.summary)")
            }
        }
    }
}
