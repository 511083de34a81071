import Testing
import Training

@Suite struct CheckpointIntervalTests {
    @Test(arguments: [
        ("2", CheckpointInterval.epochs(2)), ("1epoch", .epochs(1)), ("3epochs", .epochs(3)),
        ("1step", .steps(1)),
        ("500steps", .steps(500)), ("30s", .seconds(30)), ("1.5min", .seconds(90)), ("2h", .seconds(7200)),
        ("10 min", .seconds(600)),
    ])
    func `A number and a unit are read`(text: String, interval: CheckpointInterval) {
        #expect(CheckpointInterval(text) == interval)
    }

    @Test(arguments: [
        "", "0", "-1", "0steps", "0min", "1.5epochs", "1.5", "steps", "min", "5days", "1e3steps", "inf",
        "nan",
        "99999999999999999999", "½epochs", "１",
    ])
    func `Anything else, nothing and less are not`(text: String) {
        #expect(CheckpointInterval(text) == nil)
    }

    @Test(arguments: [CheckpointInterval.epochs(2), .steps(500), .seconds(90)])
    func `What it is called reads back the same`(interval: CheckpointInterval) {
        #expect(CheckpointInterval(interval.description) == interval)
    }
}
