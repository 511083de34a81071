import Foundation
import Metrics
import Synchronization
import Testing

/// A console on which nothing appears, with a clock that is set by hand.
final class Screen: Sendable {
    private let text = Mutex("")
    private let time = Mutex(0.0)

    var all: String { text.withLock { $0 } }
    var now: Double { time.withLock { $0 } }

    func write(_ more: String) { text.withLock { $0 += more } }
    func advance(_ seconds: Double) { time.withLock { $0 += seconds } }
}

@Suite struct ConsoleReporterTests {
    let screen = Screen()

    private func reporter(_ style: ConsoleStyle, completed: Int = 0) -> ConsoleReporter {
        ConsoleReporter(
            plan: .init(epochs: 4, stepsPerEpoch: 10, batchSize: 128, completedSteps: completed),
            style: style,
            clock: { [screen] in screen.now }, write: { [screen] in screen.write($0) })
    }

    @Test func `The header's values stand in one column`() {
        reporter(.plain).header([("data", "CIFAR-10"), ("ranks", "2"), ("logical shards", "8")])
        #expect(screen.all == "data:           CIFAR-10\nranks:          2\nlogical shards: 8\n")
    }

    @Test func `Plain output has a line every five seconds and no control characters`() {
        let reporter = reporter(.plain)
        for step in sampleSteps(1...9) {
            screen.advance(2)
            reporter.recordStep(step)
        }
        reporter.message("checkpoint written")
        reporter.close()
        #expect(
            screen.all == """
                epoch 1/4  step 3  30 %  loss 0.6667  64 images/s  1:14 left
                epoch 1/4  step 6  60 %  loss 0.3333  64 images/s  1:08 left
                epoch 1/4  step 9  90 %  loss 0.2222  64 images/s  1:02 left
                checkpoint written

                """)
    }

    @Test func `Rows are aligned under their head, within 80 columns`() {
        let reporter = reporter(.plain)
        for epoch in 1...2 { reporter.recordEpoch(sampleEpoch(epoch)) }
        #expect(
            screen.all == """
                epoch    step     rate     loss      acc  val loss  val acc   images/s     time
                    1      10    1e-05   1.0000   50.00%         -        -     25,000    2.0 s
                    2      20    1e-05   0.5000   50.00%    1.5000   30.00%     25,000    2.0 s

                """)
        #expect(screen.all.split(separator: "\n").allSatisfy { $0.count == 79 })
    }

    @Test func `The bar is drawn at most ten times a second and always fits`() {
        let reporter = reporter(.terminal(width: { 100 }))
        for step in sampleSteps(1...10) {
            screen.advance(0.04)
            reporter.recordStep(step)
        }
        let draws = screen.all.components(separatedBy: "\r").dropFirst()
        #expect(draws.count == 4)
        #expect(
            draws.last
                == "epoch 1/4  [########################################]  loss 0.2000  3,200 images/s  1.2 s left\u{1b}[K"
        )
    }

    @Test(arguments: [0, 1, 20, 60, 79, 80, 200])
    func `Whatever the width, the bar stays on its line`(width: Int) {
        let reporter = reporter(.terminal(width: { width }))
        screen.advance(1)
        reporter.recordStep(sampleSteps(5...5)[0])
        let bar = screen.all.replacingOccurrences(of: "\r", with: "").replacingOccurrences(
            of: "\u{1b}[K", with: "")
        #expect(bar.count <= max(0, width - 1))
        if width >= 80 { #expect(bar.contains("[") && bar.contains("left")) }
    }

    @Test func `A line takes the bar's place, and closing removes it`() {
        let reporter = reporter(.terminal(width: { 80 }))
        reporter.recordStep(sampleSteps(1...1)[0])
        reporter.message("hello")
        #expect(screen.all.hasSuffix("\r\u{1b}[Khello\n"))
        screen.advance(1)
        reporter.recordStep(sampleSteps(2...2)[0])
        reporter.close()
        #expect(screen.all.hasSuffix("\u{1b}[K\r\u{1b}[K"))
    }

    @Test func `A run that goes on is timed from where it went on`() {
        let reporter = reporter(.plain, completed: 30)
        screen.advance(5)
        reporter.recordStep(sampleSteps(35...35)[0])
        #expect(screen.all == "epoch 4/4  step 35  50 %  loss 0.0571  128 images/s  5.0 s left\n")
    }

    @Test func `Quiet prints warnings and the summary only`() {
        let reporter = reporter(.quiet)
        reporter.header([("a", "b")])
        screen.advance(10)
        reporter.recordStep(sampleSteps(1...1)[0])
        reporter.recordEpoch(sampleEpoch(1))
        reporter.message("hello")
        reporter.warning("disk full")
        reporter.summary([("test accuracy", "50 %")])
        reporter.close()
        #expect(screen.all == "warning: disk full\ntest accuracy: 50 %\n")
    }

    @Test func `A file or pipe gets plain lines`() throws {
        let pipe = Pipe()
        let plan = ConsoleReporter.Plan(epochs: 1, stepsPerEpoch: 10, batchSize: 1)
        let reporter = ConsoleReporter(plan: plan, output: pipe.fileHandleForWriting)
        reporter.recordStep(sampleSteps(1...1)[0])
        reporter.message("hello")
        try pipe.fileHandleForWriting.close()
        #expect(pipe.fileHandleForReading.readDataToEndOfFile() == Data("hello\n".utf8))
    }

    @Test func `Numbers that are not finite and very long times can be shown`() {
        let reporter = reporter(.plain)
        var step = sampleSteps(1...1)[0]
        step.loss = .nan
        screen.advance(1e12)
        reporter.recordStep(step)
        var epoch = sampleEpoch(1)
        epoch.trainLoss = .infinity
        epoch.imagesPerSecond = 1e300
        epoch.seconds = 7384
        reporter.recordEpoch(epoch)
        #expect(screen.all.contains("loss nan  0 images/s  ? left"))
        #expect(screen.all.contains("inf"))
        #expect(screen.all.contains("2:03:04"))
    }
}
