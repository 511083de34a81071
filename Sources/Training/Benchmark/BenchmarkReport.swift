/// What `dp-train benchmark` has found.
public struct BenchmarkReport: Codable, Sendable, Equatable {
    /// Where it was measured.
    public let machine: BenchmarkMachine
    /// What the machine can do.
    public let limits: MachineLimits
    /// What training steps take; nil where nobody asked.
    public let steps: [StepMeasurement]?

    /// A report.
    public init(machine: BenchmarkMachine, limits: MachineLimits, steps: [StepMeasurement]?) {
        self.machine = machine
        self.limits = limits
        self.steps = steps
    }
}
