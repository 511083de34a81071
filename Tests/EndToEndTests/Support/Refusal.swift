import Foundation
import Testing

/// Checks that the program refuses its input as it should: soon, with an exit code other than 0, and with one line on
/// standard error that names the value or file and says what was expected, printed once however many ranks there are.
func expectRefusal(
    _ outcome: ProcessOutcome, naming names: [String], sourceLocation: SourceLocation = #_sourceLocation
) {
    let all = outcome.outputText + outcome.errorText
    let messages = outcome.errorText.split(separator: "\n").filter { line in
        names.allSatisfy { line.contains($0) }
    }
    #expect(!outcome.timedOut, "it hangs: \(outcome.summary)", sourceLocation: sourceLocation)
    #expect(outcome.status != 0, "it succeeds: \(outcome.summary)", sourceLocation: sourceLocation)
    // Ended by SIGSEGV, SIGILL, SIGTRAP, SIGABRT and the like.
    #expect(outcome.status < 128, "it crashes: \(outcome.summary)", sourceLocation: sourceLocation)
    #expect(
        messages.count == 1, "lines that name \(names): \(messages.count), expected 1; \(outcome.summary)",
        sourceLocation: sourceLocation)
    if let message = messages.first {
        let saysWhatWasExpected = message.contains(
            /expected|must|at least|at most|more than|not a |no such|is needed|already|provide one of|use the|is damaged|Unknown|Missing/
                .ignoresCase())
        #expect(
            saysWhatWasExpected, "no word of what was expected: \(message)", sourceLocation: sourceLocation)
    }
    for trace in [
        "Fatal error", "Stack dump", "Backtrace", "crashed", "*** Signal", "Process received signal",
        "Segmentation fault", "Illegal instruction", "Signal code", "exited on signal",
    ] {
        #expect(!all.contains(trace), "a crash trace: \(outcome.summary)", sourceLocation: sourceLocation)
    }
}
