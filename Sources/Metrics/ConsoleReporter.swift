public import Foundation
internal import Synchronization

/// Shows a run to the person who started it: header, progress, a row per epoch, warnings and final lines.
///
/// On a terminal a bar shows the epoch's progress and is redrawn at most ten times a second; elsewhere a line of progress
/// is printed every few seconds. Any thread may call it.
public final class ConsoleReporter: MetricsSink, Sendable {
    /// What the reporter needs to know of the run to show its progress.
    public struct Plan: Sendable {
        /// Epochs of the whole run.
        public var epochs: Int
        /// Steps of an epoch.
        public var stepsPerEpoch: Int
        /// Records that a step takes: the global batch.
        public var batchSize: Int
        /// Steps completed before this process began: 0 unless the run goes on.
        public var completedSteps: Int

        /// Gathers the plan of a run.
        public init(epochs: Int, stepsPerEpoch: Int, batchSize: Int, completedSteps: Int = 0) {
            self.epochs = epochs
            self.stepsPerEpoch = stepsPerEpoch
            self.batchSize = batchSize
            self.completedSteps = completedSteps
        }
    }

    private struct State {
        var progress: ConsoleProgress
        var lastDrawn = -Double.infinity
        var isBarShown = false
        var isTableBegun = false
    }

    private let style: ConsoleStyle
    private let state: Mutex<State>
    private let clock: @Sendable () -> Double
    private let write: @Sendable (String) -> Void
    private let warn: @Sendable (String) -> Void

    /// Makes a reporter.
    ///
    /// - Parameters:
    ///   - plan: What is known of the run.
    ///   - style: How to print.
    ///   - clock: Seconds since any moment; the default is a monotonic clock.
    ///   - warn: Takes the text of a warning, without a line end, when nothing stands on the line any more; nil: it is
    ///     written like everything else, behind `warning: `.
    ///   - write: Takes the text that is to appear, with its line ends and control characters.
    public init(
        plan: Plan, style: ConsoleStyle, clock: (@Sendable () -> Double)? = nil,
        warn: (@Sendable (String) -> Void)? = nil,
        write: @escaping @Sendable (String) -> Void
    ) {
        let start = ContinuousClock.now
        self.clock = clock ?? { (ContinuousClock.now - start) / .seconds(1) }
        self.style = style
        self.write = write
        self.warn = warn ?? { write("warning: \($0)\n") }
        state = Mutex(State(progress: ConsoleProgress(plan: plan, now: self.clock())))
    }

    /// Makes a reporter that prints to a file, such as standard output, in the style that suits it.
    public convenience init(plan: Plan, output: FileHandle, isQuiet: Bool = false) {
        let style = isQuiet ? ConsoleStyle.quiet : .automatic(descriptor: output.fileDescriptor)
        // A reader that has gone away must not end the run.
        self.init(plan: plan, style: style) { try? output.write(contentsOf: Data($0.utf8)) }
    }

    /// Prints the run's header: a line for each pair, the values in one column.
    public func header(_ pairs: [(key: String, value: String)]) {
        guard !isQuiet else { return }
        print(ConsoleText.pairs(pairs))
    }

    /// Prints a line amid the progress, such as a checkpoint that was written; nothing when quiet.
    public func message(_ line: String) {
        guard !isQuiet else { return }
        print([line])
    }

    /// Prints a warning, also when quiet.
    public func warning(_ line: String) { print([]) { warn(line) } }

    /// Prints the run's final lines, also when quiet: a line for each pair.
    public func summary(_ pairs: [(key: String, value: String)]) { print(ConsoleText.pairs(pairs)) }

    /// Shows progress, as often as the style allows.
    public func recordStep(_ record: StepRecord) {
        let now = clock()
        state.withLock { state in
            state.progress.update(record)
            switch style {
            case .quiet: break
            case .terminal(let width):
                guard now - state.lastDrawn >= 0.1 else { return }
                state.lastDrawn = now
                state.isBarShown = true
                write("\r" + state.progress.bar(now: now, width: width()) + "\u{1b}[K")
            case .plain:
                // The first line comes after the first interval: short epochs have only their rows.
                if state.lastDrawn == -.infinity { state.lastDrawn = state.progress.start }
                guard now - state.lastDrawn >= 5 else { return }
                state.lastDrawn = now
                write(state.progress.line(now: now) + "\n")
            }
        }
    }

    /// Prints the epoch's row, and the table's head before the first one.
    public func recordEpoch(_ record: EpochRecord) {
        guard !isQuiet else { return }
        let head = state.withLock { state in
            defer { state.isTableBegun = true }
            return state.isTableBegun ? [] : [ConsoleText.tableHead]
        }
        print(head + [ConsoleText.row(record)])
    }

    /// Does nothing: everything is printed at once.
    public func flush() {}

    /// Removes the progress bar.
    public func close() { print([]) }

    private var isQuiet: Bool {
        if case .quiet = style { true } else { false }
    }

    /// Prints whole lines where the bar was; the next step draws it anew below them, and below what `body` prints.
    private func print(_ lines: [String], then body: () -> Void = {}) {
        state.withLock { state in
            var text = state.isBarShown ? "\r\u{1b}[K" : ""
            state.isBarShown = false
            for line in lines { text += line + "\n" }
            if !text.isEmpty { write(text) }
            body()
        }
    }
}

/// How far a run is, as text.
struct ConsoleProgress {
    let start: Double

    private let plan: ConsoleReporter.Plan
    private var record: StepRecord?

    init(plan: ConsoleReporter.Plan, now: Double) {
        self.plan = plan
        start = now
    }

    mutating func update(_ record: StepRecord) { self.record = record }

    /// "epoch 3/10  [#####.....]  loss 1.2345  25,000 images/s  1:05 left", cut to `width` − 1 columns, so that the cursor
    /// stays on the line.
    func bar(now: Double, width: Int) -> String {
        guard let record else { return "" }
        let left = "epoch \(record.epoch)/\(plan.epochs)  "
        let right = "  " + figures(record, now: now)
        let room = width - 1 - left.count - right.count - 2
        guard room >= 5 else { return String((left + figures(record, now: now)).prefix(max(0, width - 1))) }
        let cells = min(room, 40)
        let filled = Int(epochFraction(record) * Double(cells))
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: cells - filled)
        return "\(left)[\(bar)]\(right)"
    }

    /// "epoch 3/10  step 1170  45 %  loss 1.2345  25,000 images/s  1:05 left".
    func line(now: Double) -> String {
        guard let record else { return "" }
        let percent = Int(epochFraction(record) * 100)
        return
            "epoch \(record.epoch)/\(plan.epochs)  step \(record.step)  \(percent) %  \(figures(record, now: now))"
    }

    private func epochFraction(_ record: StepRecord) -> Double {
        let steps = record.step - (record.epoch - 1) * plan.stepsPerEpoch
        return max(0, min(1, Double(steps) / Double(max(1, plan.stepsPerEpoch))))
    }

    /// Speed and time left are means since the process began, so validation counts as well.
    private func figures(_ record: StepRecord, now: Double) -> String {
        let loss = "loss \(ConsoleText.fixed(record.loss, digits: 4))"
        let steps = Double(record.step - plan.completedSteps)
        let seconds = now - start
        guard steps > 0 && seconds > 0 else { return loss }
        let speed = steps * Double(plan.batchSize) / seconds
        let stepsLeft = Double(max(0, plan.epochs * plan.stepsPerEpoch - record.step))
        let left = ConsoleText.duration(stepsLeft * seconds / steps)
        return "\(loss)  \(ConsoleText.grouped(speed)) images/s  \(left) left"
    }
}
