package import Collectives
package import Datasets
internal import Foundation
internal import Metrics
package import Training

// How a study is carried out: its runs one after the other, each as `dp-train train` would train it, then what is measured
// on them. Whatever was done before is taken as it is, so that the same command goes on where it was interrupted.

/// What happens during a study, for people to see; told on rank 0.
package enum StudyEvent: Sendable {
    /// A run has ended, or had ended before.
    case ended(StudyStep, RunEnd)
    /// A run has been measured, or had been before.
    case measured(StudyStep, String)
    /// Something that a person should know, in one line.
    case note(String)
}

/// A step of a study: a run, or what is measured on it.
package struct StudyStep: Sendable {
    /// Its number, from 1.
    package let number: Int
    /// How many there are.
    package let count: Int
    /// The run.
    package let label: String
    /// Its seed.
    package let seed: UInt64
    /// How long it took; nil where it was there.
    package let seconds: Double?
    /// About how long the rest will take; nil where nothing tells.
    package let secondsLeft: Double?
}

/// A study that was asked to stop has done so, on all ranks, and can go on.
package struct StudyStopped: AgreedFailure, CustomStringConvertible, LocalizedError {
    /// One line.
    package let description: String
    /// True on rank 0.
    package let shouldReport: Bool
    /// The same as ``description``.
    package var errorDescription: String? { description }
}

/// Carries out a study.
package final class StudyRunner {
    private let plan: StudyPlan
    private let options: RunOptions
    private let communicator: any Communicator
    private let dataset: any ImageDataset
    private let report: (StudyEvent) -> Void
    /// Of the ranks that train runs on some of them alone, by their number.
    private var groups: [Int: any Communicator] = [:]
    private var estimate = Estimate()
    private var isRoot: Bool { communicator.rank == 0 }

    /// Prepares a study.
    ///
    /// - Parameters:
    ///   - plan: What to train; the same on every rank.
    ///   - options: How a run is told to stop. Where it writes, and what a run's own options say, is laid over it.
    ///   - communicator: The ranks.
    ///   - dataset: What to train on, the same on every rank.
    ///   - report: Told of everything, on rank 0 alone.
    package init(
        plan: StudyPlan, options: RunOptions, communicator: any Communicator, dataset: any ImageDataset,
        report: @escaping (StudyEvent) -> Void
    ) {
        self.plan = plan
        self.options = options
        self.communicator = communicator
        self.dataset = dataset
        self.report = report
    }

    /// Trains and measures what is not there yet. Collective: every rank must call it.
    ///
    /// - Parameter folder: On rank 0 the study's folder.
    /// - Returns: On rank 0 the results; nil on all others.
    /// - Throws: ``StudyStopped``, or an `AgreedFailure` where all ranks fail together.
    package func run(in folder: StudyFolder?) throws -> StudyResults? {
        options.stepsBegin()
        let count = plan.runs.count * (plan.study.measurement == nil ? 1 : 2)
        estimate = Estimate(left: plan.runs.reduce(0) { $0 + $1.cost })
        var ends: [RunEnd] = []
        for (index, planned) in plan.runs.enumerated() {
            let start = ContinuousClock.now
            let (end, isNew) = try end(of: planned, in: folder)
            ends.append(end)
            let seconds = isNew ? (ContinuousClock.now - start) / .seconds(1) : nil
            estimate.ended(cost: planned.cost, seconds: seconds)
            tell {
                .ended(step(index + 1, of: count, planned, seconds), end)
            }
            try stopIfAsked(in: folder)
        }
        var measured: [[StudyMeasurement.Value]] = Array(repeating: [], count: ends.count)
        if let measurement = plan.study.measurement {
            estimate = Estimate(left: Double(ends.count))
            for (index, planned) in plan.runs.enumerated() where ends[index].summary != nil {
                let start = ContinuousClock.now
                let (values, isNew) = try values(of: measurement, planned, in: folder)
                measured[index] = values
                let seconds = isNew ? (ContinuousClock.now - start) / .seconds(1) : nil
                estimate.ended(cost: 1, seconds: seconds)
                tell {
                    .measured(step(ends.count + index + 1, of: count, planned, seconds), measurement.name)
                }
                try stopIfAsked(in: folder)
            }
        }
        return try communicator.agree(on: "reading the runs of the study") {
            try folder.map { folder in
                StudyResults(
                    runs: plan.study.runs, seeds: plan.seeds,
                    results: try plan.runs.indices.map { index in
                        try folder.result(of: plan.runs[index], end: ends[index], measured: measured[index])
                    })
            }
        }
    }

    // MARK: Runs

    /// How a run ends, or has ended before. Collective: every rank must call it.
    private func end(of planned: PlannedRun, in folder: StudyFolder?) throws -> (end: RunEnd, isNew: Bool) {
        let wanted = planned.run.ranks ?? communicator.size
        guard wanted <= communicator.size else {
            let reason = "\(wanted) ranks are needed: mpirun -np \(wanted) dp-train study \(plan.study.name)"
            return (.notRun(reason: reason), false)
        }
        let found = try communicator.agree(on: "looking for the run \(planned.name)") {
            try folder.map { try FoundRun(planned, at: $0.run(planned)) }
        }
        var known: RunEnd?
        var resumePoint: ResumePoint?
        switch found {
        case .ended(let end): known = end
        case .underWay(let point): resumePoint = point
        case .nothing, nil: break
        }
        if let end = try share(known) { return (end, false) }
        resumePoint?.notes.forEach { report(.note($0)) }
        let group = try group(of: wanted)
        var end: RunEnd?
        var failure: (any Error)?
        if let group {
            do {
                end = try train(planned, over: group, output: folder?.run(planned).path, from: resumePoint)
            } catch let error as any AgreedFailure {
                failure = error
            }
        }
        // Those that do not train wait asleep.
        if wanted < communicator.size { try communicator.idleBarrier() }
        try communicator.agree(on: "training \(planned.name)") {
            if let failure { throw failure }
            if let end, case .diverged = end { try folder?.run(planned).record(divergence: end) }
        }
        guard let end = try share(end) else { throw stopped(in: folder, during: planned) }
        return (end, true)
    }

    /// Trains a run. Collective: every rank of the group must call it.
    ///
    /// - Returns: How it ended; nil if it was stopped.
    private func train(
        _ planned: PlannedRun, over group: any Communicator, output: String?, from resumePoint: ResumePoint?
    ) throws -> RunEnd? {
        var options = options
        try options.apply(planned.optionWords)
        options.output = output
        // The study goes on after the run.
        options.stepsEnd = {}
        let trainer = Trainer(
            communicator: group, configuration: planned.configuration, options: options, dataset: dataset,
            resumePoint: resumePoint, observer: Listener(report))
        do {
            switch try trainer.run() {
            case .finished(let summary): return .finished(summary)
            case .stopped: return nil
            }
        } catch let error as Divergence {
            return .diverged(epoch: error.epoch, message: error.description)
        }
    }

    /// The communicator of the first ranks, on those; nil on all others. Collective: every rank must call it.
    private func group(of count: Int) throws -> (any Communicator)? {
        if count == communicator.size { return communicator }
        let isMember = communicator.rank < count
        if groups[count] == nil {
            // Communicators stay until the end of MPI: each is made once.
            groups[count] = try communicator.split(color: isMember ? 0 : 1, key: communicator.rank)
        }
        return isMember ? groups[count] : nil
    }

    // MARK: Measurements

    /// What is measured on a run, or was before. Collective: every rank must call it.
    private func values(
        of measurement: StudyMeasurement, _ planned: PlannedRun, in folder: StudyFolder?
    ) throws -> (values: [StudyMeasurement.Value], isNew: Bool) {
        let file = folder.map { $0.run(planned).path + "/measured.json" }
        let known = try communicator.agree(on: "looking for what was measured on \(planned.name)") {
            try file.flatMap { try StudyFolder.storedValues(at: $0) }
        }
        if let values = try share(known) { return (values, false) }
        let directory = try communicator.broadcast(text: folder?.run(planned).path ?? "", root: 0)
        let values = try measurement.measure(
            .init(
                communicator: communicator, dataset: dataset, directory: RunDirectory(path: directory),
                configuration: planned.configuration, label: planned.run.label))
        try communicator.agree(on: "writing what was measured on \(planned.name)") {
            if let folder, let file { try folder.run(planned).write(values, to: file) }
        }
        return (values, true)
    }

    // MARK: All together

    /// Rank 0's value, if it has one, on every rank. Collective: every rank must call it.
    private func share<Value: Codable>(_ value: Value?) throws -> Value? {
        let text = try value.map { String(decoding: try JSONEncoder().encode($0), as: UTF8.self) }
        let shared = try communicator.broadcast(text: text ?? "", root: 0)
        return shared.isEmpty ? nil : try JSONDecoder().decode(Value.self, from: Data(shared.utf8))
    }

    /// Throws on all ranks if any was asked to stop. Collective: every rank must call it.
    private func stopIfAsked(in folder: StudyFolder?) throws {
        let isAsked = try communicator.allreduce(Int64(options.stopRequested() ? 1 : 0), .maximum) == 1
        if isAsked { throw stopped(in: folder, during: nil) }
    }

    private func stopped(in folder: StudyFolder?, during planned: PlannedRun?) -> StudyStopped {
        StudyStopped(
            description:
                "stopped as asked \(planned.map { "during the run \($0.name)" } ?? "between two runs"); the same command"
                + " goes on, in \(folder?.path ?? "")",
            shouldReport: isRoot)
    }

    private func tell(_ event: () -> StudyEvent) { if isRoot { report(event()) } }

    private func step(_ number: Int, of count: Int, _ planned: PlannedRun, _ seconds: Double?) -> StudyStep {
        StudyStep(
            number: number, count: count, label: planned.run.label, seed: planned.seed, seconds: seconds,
            secondsLeft: estimate.secondsLeft)
    }
}

/// How long the rest of some work may take, by what the work so far took.
struct Estimate {
    private var left: Double
    private var done = 0.0
    private var seconds = 0.0

    /// Work of that cost, in any unit.
    init(left: Double = 0) { self.left = left }

    /// A part is done; `seconds` is nil of one that was there.
    mutating func ended(cost: Double, seconds: Double?) {
        left -= cost
        guard let seconds else { return }
        done += cost
        self.seconds += seconds
    }

    /// About so long; nil before anything was done.
    var secondsLeft: Double? { done > 0 ? max(0, left) / done * seconds : nil }
}

/// Hears of a run what a study passes on: notes.
private final class Listener: TrainingObserver {
    private let report: (StudyEvent) -> Void

    init(_ report: @escaping (StudyEvent) -> Void) { self.report = report }

    func runBegins(_ header: [(key: String, value: String)], plan: ConsoleReporter.Plan) {}
    func stepEnded(_ record: StepRecord) {}
    func epochEnded(_ record: EpochRecord) {}
    func note(_ text: String) { report(.note(text)) }
    func runEnded(_ summary: RunSummary, directory: String) {}
}
