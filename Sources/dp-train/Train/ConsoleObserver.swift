import CommandLineSupport
import Foundation
import Metrics
import Training

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
        reporter?.summary([
            (
                "test accuracy",
                String(
                    format: "%.2f %%, loss %.4f, of the model after epoch %d", summary.testAccuracy * 100,
                    summary.testLoss,
                    summary.bestEpoch)
            ),
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
            ("written to", directory),
        ])
    }
}
