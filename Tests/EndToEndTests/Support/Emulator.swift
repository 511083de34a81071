import Foundation
import Testing

/// `qemu-x86_64`, which runs this program as other x86-64 CPUs would.
enum Emulator {
    static let path: String? = {
        #if arch(x86_64) && os(Linux)
        let outcome = try? Program.tool(["sh", "-c", "command -v qemu-x86_64"])
        guard let outcome, outcome.status == 0 else { return nil }
        return outcome.outputText.trimmingCharacters(in: .whitespacesAndNewlines)
        #else
        return nil
        #endif
    }()

    static let absence: Comment = "needs qemu-x86_64 (Debian: qemu-user) on Linux on an x86-64 CPU"
}
