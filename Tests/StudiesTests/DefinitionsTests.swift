import Datasets
import FileTestSupport
import Plotting
import Studies
import Testing
import Training

/// The studies that there are.
@Suite struct DefinitionsTests {
    @Test(arguments: Study.all.map(\.name))
    func `Its runs have labels of their own, and only settings that there are`(name: String) throws {
        let study = try #require(Study.named(name))
        #expect(Set(study.runs.map(\.label)).count == study.runs.count)
        #expect(study.runs.allSatisfy { $0.label.wholeMatch(of: /[A-Za-z0-9.\-]+/) != nil })
        #expect(Set(study.plots.map(\.file)).count == study.plots.count)
        for run in study.runs {
            #expect(
                run.settings.keys.allSatisfy { TrainingConfiguration.setting($0) != nil },
                "\(run.label): \(run.settings)")
            #expect(
                run.options.keys.allSatisfy { RunOptions.setting($0) != nil }, "\(run.label): \(run.options)")
            var options = RunOptions.defaults
            try options.apply(run.options)
        }
    }

    @Test(arguments: Study.all.map(\.name), [1, 2, 4])
    func `Its settings can be used on a set of CIFAR-10's size`(name: String, ranks: Int) throws {
        let study = try #require(Study.named(name))
        let plan = try StudyPlan(
            study, seeds: [42, 43], settings: [:], options: [:], dataset: SyntheticDataset(seed: 42),
            worldSize: ranks)
        #expect(plan.runs.count == 2 * study.runs.count)
        #expect(plan.runs.allSatisfy { $0.configuration.splitSeed == 42 })
    }

    @Test(arguments: Study.all.map(\.name))
    func `Every comparison finds its runs, and every picture is drawn`(name: String) throws {
        let study = try #require(Study.named(name))
        let seeds: [UInt64] = [1, 2]
        let results = StudyResults(
            runs: study.runs, seeds: seeds,
            results: seeds.flatMap { seed in
                study.runs.enumerated().map { index, run in
                    HandMade.result(run.label, seed: seed, test: 0.3 + 0.001 * Double(index))
                }
            })
        let sentences = study.findings(results)
        #expect(!sentences.isEmpty)
        #expect(sentences.filter { $0.contains("cannot be compared") || $0.contains(": no ") } == [])
        for plot in study.plots {
            #expect(plot.chart(results).svg().contains("<svg"))
            #expect(!plot.chart(results).summary.contains("no data"), "\(plot.file)")
        }
        // Nothing is there, and nothing breaks.
        let nothing = StudyResults(runs: study.runs, seeds: seeds, results: [])
        #expect(study.findings(nothing).count == sentences.count)
        for plot in study.plots { #expect(plot.chart(nothing).svg().contains("<svg")) }
    }

    @Test func `A setting that does not fit is refused with the run's name`() throws {
        #expect(throws: ConfigurationError.self) {
            try StudyPlan(
                .baseline, seeds: [42], settings: ["elu-alpha": "2"], options: [:],
                dataset: SyntheticDataset(seed: 42), worldSize: 1)
        }
        do {
            _ = try StudyPlan(
                .baseline, seeds: [42], settings: ["validation-size": "60000"], options: [:],
                dataset: SyntheticDataset(seed: 42), worldSize: 1)
            Issue.record("expected a refusal")
        } catch {
            #expect(error.description.hasPrefix("baseline, run 1x100-elu: --validation-size: expected"))
        }
    }

    @Test(arguments: [[], [42, 42]] as [[UInt64]])
    func `No seeds, or one twice, are refused`(seeds: [UInt64]) {
        #expect(throws: ConfigurationError.self) {
            try StudyPlan(
                .baseline, seeds: seeds, settings: [:], options: [:], dataset: SyntheticDataset(seed: 42),
                worldSize: 1)
        }
    }

    @Test func `One seed for all runs is refused, as they have seeds of their own`() {
        #expect(throws: ConfigurationError.self) {
            try StudyPlan(
                .baseline, seeds: [42], settings: ["seed": "1"], options: [:],
                dataset: SyntheticDataset(seed: 42), worldSize: 1)
        }
    }
}
