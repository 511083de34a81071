import Foundation
import Testing

extension EndToEnd {
    @Suite("Other architectures, emulated")
    struct PortabilityTests {
        private static let kernels = Program.packageRoot.appending(path: "Launch/testing/arm64-kernels")

        /// What the script lacks, in its own words; nil where it lacks nothing.
        private static let missing: String? = {
            guard let outcome = try? ProcessRunner(executable: kernels, arguments: ["--available"]).run()
            else {
                return "\(kernels.path) could not be started"
            }
            return outcome.status == 77 ? outcome.outputText : nil
        }()

        @Test(
            "Every kernel gives the same bits with each instruction set, on emulated CPUs, and on arm64",
            .enabled(if: missing == nil, Comment(rawValue: missing ?? "")))
        func arm64() throws {
            let outcome = try ProcessRunner(executable: Self.kernels, timeLimit: 3600).run()
            #expect(outcome.status == 0, "\(outcome.summary)")
            #expect(outcome.outputText.contains(/arm64-\d+: the bits of here-\d+ in all \d+ cases/))
        }

        @Test("What is no flag of the script is refused")
        func wrongFlag() throws {
            let outcome = try ProcessRunner(executable: Self.kernels, arguments: ["--fast"]).run()
            expectRefusal(outcome, naming: ["--fast"])
        }
    }
}
