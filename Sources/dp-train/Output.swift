import CommandLineSupport
import Foundation
import Metrics
import MPIBackend
import Training

// What the program prints of a run.

/// Shows a run on standard output, and its warnings on standard error.
final class ConsoleObserver: TrainingObserver {
    private let isQuiet: Bool
    private var reporter: ConsoleReporter?

    init(isQuiet: Bool) { self.isQuiet = isQuiet }

    func runBegins(_ header: [(key: String, value: String)], plan: ConsoleReporter.Plan) {
        let reporter = ConsoleReporter(
            plan: plan, style: TerminalOutput.style(isQuiet: isQuiet), warn: { Messages.printWarning($0) }
        ) { text in
            // A reader that has gone away must not end the run.
            StandardOutput.send(text)
        }
        reporter.header(header)
        self.reporter = reporter
    }

    func stepEnded(_ record: StepRecord) {
        reporter?.recordStep(record)
    }

    func epochEnded(_ record: EpochRecord) {
        reporter?.recordEpoch(record)
    }

    func note(_ text: String) {
        if let reporter {
            reporter.warning(text)
        } else {
            Messages.printWarning(text)
        }
    }

    func runEnded(_ summary: RunSummary, directory: String) {
        reporter?.close()
        var lines = [("test accuracy", Self.result(summary))]
        if let views = summary.testViews, let accuracy = summary.testViewsAccuracy,
            let loss = summary.testViewsLoss
        {
            let numbers = String(format: "%.2f %%, loss %.4f", accuracy * 100, loss)
            lines.append(("with \(views.count) views", "\(numbers), by the mean over \(views)"))
        }
        if let accuracy = summary.ownTestAccuracy, let loss = summary.ownTestLoss {
            let numbers = String(format: "%.2f %%, loss %.4f", accuracy * 100, loss)
            lines.append(("not averaged", "\(numbers), of the model itself after epoch \(summary.epochs)"))
        }
        lines += [
            (
                "training",
                String(
                    format: "%.1f s, %.0f images per second", summary.trainSeconds, summary.imagesPerSecond)
            ),
            (
                "checkpoints",
                String(
                    format: "training stood still for at most %.1f ms to hand one over",
                    summary.checkpointPauseSeconds * 1000)
            ),
            ("SHA-256", "\(summary.tensorsSHA256) of the last model's tensors"),
        ]
        if let digest = summary.averagedSHA256 {
            lines.append(("averaged", "\(digest) of the mean's tensors"))
        }
        lines += [
            ("written to", directory)
        ]
        reporter?.summary(lines)
    }
}

extension ConsoleObserver {
    /// What the test came to, or where a run without one stands.
    private static func result(_ summary: RunSummary) -> String {
        if let accuracy = summary.testAccuracy, let loss = summary.testLoss {
            return String(
                format: "%.2f %%, loss %.4f, of the model after epoch %d", accuracy * 100, loss,
                summary.bestEpoch)
        }
        let validation = summary.bestValidationAccuracy.map {
            String(format: "; validation accuracy %.2f %% after epoch %d", $0 * 100, summary.bestEpoch)
        }
        return "not tested, as asked by --no-test" + (validation ?? "")
    }
}

/// Finds out whether somebody watches standard output on a terminal.
enum TerminalOutput {
    /// The style for a run's progress.
    ///
    /// Open MPI's launcher gives its ranks a terminal of their own and forwards what they print, so under a launcher
    /// the question is what the launcher prints to. Where that cannot be seen, lines without control characters do.
    static func style(isQuiet: Bool) -> ConsoleStyle {
        if isQuiet { return .quiet }
        let isLaunched = Launcher.detect(environment: ProcessInfo.processInfo.environment) != nil
        return isLaunched && !launcherPrintsToTerminal ? .plain : .automatic(descriptor: STDOUT_FILENO)
    }

    private static var launcherPrintsToTerminal: Bool {
        #if os(Linux)
        let link = "/proc/\(getppid())/fd/\(STDOUT_FILENO)"
        guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: link) else {
            return false
        }
        return target.hasPrefix("/dev/pts/") || target.hasPrefix("/dev/tty")
        #else
        return false
        #endif
    }
}
