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
