import Foundation
import Testing

extension EndToEnd {
    /// What the scripts do before they install and build; the rest of them is how these tests came to run.
    @Suite("The launch scripts")
    struct LaunchTests {
        private static let train = Program.packageRoot.appending(path: "Launch/train")

        @Test("Launch/train explains itself, called through a symbolic link from elsewhere")
        func help() throws {
            let link = try Scratch.newPath("a link to train")
            try FileManager.default.createSymbolicLink(at: link, withDestinationURL: Self.train)
            let outcome = try ProcessRunner(
                executable: link, arguments: ["--help"], currentDirectory: link.deletingLastPathComponent()
            ).run()
            #expect(outcome.status == 0 && outcome.outputText.contains("-np N"), "\(outcome.summary)")
        }

        @Test("Launch/train refuses a number of ranks that is none", arguments: ["0", "-2", "four", ""])
        func wrongRanks(ranks: String) throws {
            let outcome = try ProcessRunner(executable: Self.train, arguments: ["-np", ranks]).run()
            expectRefusal(outcome, naming: ["-np \(ranks)"])
        }

        @Test("Launch/setup refuses to install for an unknown purpose")
        func wrongPurpose() throws {
            let setup = Program.packageRoot.appending(path: "Launch/setup")
            let outcome = try ProcessRunner(executable: setup, arguments: ["fun"]).run()
            expectRefusal(outcome, naming: ["fun"])
        }
    }
}
