package import Datasets
internal import Foundation
internal import MLPEngine
package import Training

// What a study is to train, checked before anything begins.

/// A run of a study with a seed, and all that it needs.
package struct PlannedRun: Sendable {
    /// The run.
    package let run: StudyRun
    /// Its seed.
    package let seed: UInt64
    /// What to train, settled for the ranks that train it.
    package let configuration: TrainingConfiguration
    /// The words by flag of what does not change its result; of other flags they mean nothing.
    package let optionWords: [String: String]
    /// The flags by which it differs from train's defaults, but for seeds.
    package let settings: String

    /// The name of its folder.
    package var name: String { "\(run.label)-seed\(seed)" }

    /// What it costs in comparison with others: numbers to be updated, over all epochs.
    var cost: Double {
        Double(configuration.epochs) * Double(MLP(configuration.model).parameterCount + 100_000)
    }
}

/// All runs of a study, one seed after the other.
package struct StudyPlan: Sendable {
    /// The study.
    package let study: Study
    /// The seeds.
    package let seeds: [UInt64]
    /// The words by flag that are laid over every run.
    package let laidOver: [String: String]
    /// The runs with their seeds, in the order in which they are trained.
    package let runs: [PlannedRun]

    /// Which validation images are set apart, unless the command line says otherwise: the same with every seed.
    private static let splitSeed = "42"

    /// Plans runs, and checks the settings of each.
    ///
    /// - Parameters:
    ///   - study: The study.
    ///   - seeds: The seeds, at least one, each once.
    ///   - settings: The words by flag that are laid over every run.
    ///   - options: The same of what does not change a result.
    ///   - dataset: What to train on.
    ///   - worldSize: The number of ranks.
    /// - Throws: `ConfigurationError` that names the run and the setting.
    package init(
        _ study: Study, seeds: [UInt64], settings: [String: String], options: [String: String],
        dataset: any ImageDataset, worldSize: Int
    ) throws(ConfigurationError) {
        guard !seeds.isEmpty, Set(seeds).count == seeds.count else {
            throw ConfigurationError(
                "--seeds", found: seeds.isEmpty ? "none" : seeds.map(String.init).joined(separator: ","),
                expected: "at least one seed, and each once")
        }
        guard settings["seed"] == nil else {
            throw ConfigurationError(
                "--seed", found: "one seed for all runs", expected: "--seeds, as in --seeds 42,43,44")
        }
        self.study = study
        self.seeds = seeds
        laidOver = settings.merging(options) { first, _ in first }
        var runs: [PlannedRun] = []
        for seed in seeds {
            for run in study.runs {
                let words = run.settings.merging(settings) { _, given in given }
                let seeds = ["seed": "\(seed)", "split-seed": settings["split-seed"] ?? Self.splitSeed]
                var configuration = TrainingConfiguration()
                do throws(ConfigurationError) {
                    try configuration.apply(
                        words.merging(seeds) { _, seed in seed }, recipe: run.recipe)
                    try configuration.validate()
                    configuration.images = dataset.format
                    try configuration.settle(worldSize: run.ranks.map { min($0, worldSize) } ?? worldSize)
                    try configuration.validate(against: dataset)
                } catch {
                    throw ConfigurationError(
                        "\(study.name), run \(run.label): \(error.setting)", found: error.found,
                        expected: error.expected)
                }
                runs.append(
                    PlannedRun(
                        run: run, seed: seed, configuration: configuration,
                        optionWords: ["keep-last": "1"].merging(run.recipe?.words() ?? [:]) { _, own in own }
                            .merging(run.options) { _, own in own }
                            .merging(options) { _, given in given },
                        settings: [
                            run.recipe.map { "--recipe \($0.name)" } ?? "",
                            TrainingConfiguration.text(of: words),
                        ].filter { !$0.isEmpty }.joined(separator: " ")))
            }
        }
        self.runs = runs
    }
}
