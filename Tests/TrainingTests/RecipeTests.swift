import Datasets
import Foundation
import MLPEngine
import Testing
import Training

/// Recipes, and how they lie under what the command line gives.
@Suite struct RecipeTests {
    private static let names = Recipe.all.map(\.name)
    private static let dataset = SyntheticDataset(seed: 42)

    private func recipe(_ name: String) throws -> Recipe { try #require(Recipe.named(name)) }

    /// The defaults with flags over a recipe.
    private func configuration(
        _ words: [String: String] = [:], recipe name: String
    ) throws -> TrainingConfiguration {
        var configuration = TrainingConfiguration()
        try configuration.apply(words, recipe: recipe(name))
        try configuration.validate()
        return configuration
    }

    /// Words by flag as a shell and the parser make them of a command line.
    private func words(of command: String) -> [String: String] {
        var words: [String: String] = [:]
        var rest = command.split(separator: " ").dropFirst(2)
        while let flag = rest.popFirst()?.dropFirst(2) {
            let isSwitch = rest.first?.hasPrefix("--") ?? true
            words[String(flag)] = isSwitch ? "true" : rest.popFirst().map { $0 == "\"\"" ? "" : String($0) }
        }
        return words
    }

    @Test func `Each has a name of its own, and no flag twice`() {
        #expect(Set(Self.names).count == Self.names.count)
        for recipe in Recipe.all {
            #expect(recipe.name.wholeMatch(of: /[a-z0-9-]+/) != nil)
            #expect(recipe.minutes > 0 && !recipe.purpose.isEmpty)
        }
    }

    @Test(arguments: names) func `Each of its flags is a setting, and all of them apply`(name: String) throws
    {
        let words = try recipe(name).words()
        let (settings, options) = (
            words.filter { TrainingConfiguration.setting($0.key) != nil },
            words.filter { RunOptions.setting($0.key) != nil }
        )
        #expect(settings.count + options.count == words.count, "\(words.keys.sorted())")
        // A setting that is given and does not apply is refused.
        var configuration = TrainingConfiguration()
        try configuration.apply(settings)
        try configuration.validate()
        var runOptions = RunOptions.defaults
        try runOptions.apply(options)
        try runOptions.validate()
    }

    @Test(arguments: names, [1, 2, 4, 8])
    func `It can be trained on a set of CIFAR-10's size`(name: String, ranks: Int) throws {
        var configuration = try configuration(recipe: name)
        configuration.images = Self.dataset.format
        try configuration.settle(worldSize: ranks)
        try configuration.validate(against: Self.dataset)
    }

    @Test(arguments: names)
    func `By its name or by its flags written out, it is the same configuration`(name: String) throws {
        let recipe = try recipe(name)
        #expect(recipe.command.hasPrefix("dp-train train --hidden-dims "))
        var written = TrainingConfiguration()
        try written.apply(words(of: recipe.command))
        #expect(written != TrainingConfiguration() && written.recipe == nil)
        var named = try configuration(recipe: name)
        #expect(named.recipe == name)
        #expect(named.allDifferences(from: written) == [])
        named.recipe = nil
        #expect(named == written)
    }

    @Test func `What is given overrides it, and the number of epochs takes the warm-up with it`() throws {
        let whole = try configuration(recipe: "minutes-2")
        #expect(whole.warmupEpochs == 0.05 * Double(whole.epochs))
        var expected = whole
        (expected.epochs, expected.warmupEpochs, expected.learningRate) = (10, 0.5, 0.001)
        (expected.seed, expected.augmentations) = (7, [])
        expected.augmentationExtents = AugmentationExtents()
        #expect(
            try configuration(
                ["epochs": "10", "lr": "0.001", "seed": "7", "augment": ""], recipe: "minutes-2") == expected)
        expected.warmupEpochs = 2
        #expect(
            try configuration(
                ["epochs": "10", "lr": "0.001", "seed": "7", "augment": "", "warmup-epochs": "2"],
                recipe: "minutes-2") == expected)
    }

    @Test func `What does not apply with what is given is left out, unless it is given itself`() throws {
        let sgd = try configuration(["optimizer": "sgd", "momentum": "0.9"], recipe: "minutes-2")
        #expect(sgd.beta2 == nil && sgd.momentum == 0.9)
        #expect(try configuration(recipe: "minutes-2").beta2 == 0.99)
        #expect(try configuration(["mixup": "0"], recipe: "minutes-20").mixupShares == .part)
        #expect(try configuration(["augment": "flip"], recipe: "minutes-2").augmentationExtents.padding == 4)
        // What has no other word for nothing.
        #expect(try configuration(recipe: "minutes-2").initialWindow != nil)
        #expect(try configuration(["init-window": "none"], recipe: "minutes-2").initialWindow == nil)
        let error = #expect(throws: ConfigurationError.self) {
            try configuration(["optimizer": "sgd", "beta2": "0.9"], recipe: "minutes-2")
        }
        #expect(error?.setting == "--beta2")
    }

    @Test func `It is found by its name, and there is none of another one`() {
        for recipe in Recipe.all {
            #expect(Recipe.named(recipe.name) == recipe)
            #expect(Recipe.names.contains(recipe.name))
        }
        #expect(Recipe.named("minutes-3") == nil)
    }

    @Test func `The header tells what it sets, what was overridden, and each setting once`() throws {
        let plain = try configuration(recipe: "minutes-2")
        var options = RunOptions.defaults
        try options.apply([:], over: recipe("minutes-2").words())
        let line = try #require(plain.recipeLine(with: options))
        #expect(line.hasPrefix("minutes-2, which sets --hidden-dims 1024,1024,1024 "))
        #expect(line.contains(" --warmup-epochs 1.5") && !line.contains("overridden"))
        #expect(plain.settingsLine == nil)

        let other = try configuration(
            ["epochs": "20", "optimizer": "sgd", "seed": "7"], recipe: "minutes-2")
        let overridden = try #require(other.recipeLine(with: options))
        #expect(
            overridden.hasSuffix("; overridden: --epochs \(plain.epochs) → 20, --optimizer adamw → sgd"),
            "\(overridden)")
        #expect(!overridden.contains("--beta2"))
        #expect(overridden.contains(" --warmup-epochs 1"))
        #expect(other.settingsLine == "--epochs 20, --seed 7")
        #expect(TrainingConfiguration().recipeLine(with: .defaults) == nil)
    }

    @Test func `Its name is recorded, and decides nothing`() throws {
        let configuration = try configuration(recipe: "minutes-2")
        let text = try JSONEncoder().encode(configuration)
        #expect(String(decoding: text, as: UTF8.self).contains("\"recipe\":\"minutes-2\""))
        #expect(try JSONDecoder().decode(TrainingConfiguration.self, from: text) == configuration)
        var written = configuration
        written.recipe = nil
        #expect(written.differences(from: configuration) == [])
        #expect(written.flags == configuration.flags && !written.flags.contains("--recipe"))
        #expect(
            try !String(decoding: JSONEncoder().encode(TrainingConfiguration()), as: UTF8.self)
                .contains("recipe"))
    }

    @Test func `A run goes on with the settings of its recipe, and another recipe is another run`() throws {
        let stored = try configuration(recipe: "minutes-2")
        var again = stored
        try again.apply([:], recipe: nil)
        #expect(again == stored)
        try again.apply([:], recipe: recipe("minutes-2"))
        #expect(again == stored)
        try again.apply([:], recipe: recipe("minutes-20"))
        #expect(again.differences(from: stored).map(\.setting).contains("--hidden-dims"))
    }

    @Test func `A stored name that this program does not have is told, and one that is none is refused`()
        throws
    {
        var configuration = TrainingConfiguration()
        configuration.recipe = "minutes-2000"
        try configuration.validate()
        #expect(configuration.recipeLine(with: .defaults) == "minutes-2000, which this program does not have")
        for name in ["", "a\nb", String(repeating: "a", count: 65)] {
            configuration.recipe = name
            let error = #expect(throws: ConfigurationError.self) { try configuration.validate() }
            #expect(error?.setting == "--recipe")
        }
    }
}
