// Recipes: settings that were found to go well together, under a name.
//
// A recipe is what one would type: a line of flags. It is laid under those that the command line gives, so each of them can
// be overridden, and the rest follows. To change one, or to add one, is to edit the lines below; `RecipeTests` checks that
// every flag is a setting and that what they make can be trained. What was found with them is in <doc:Recipes>.

extension Recipe {
    /// All there are, in the order in which they are listed.
    public static let all: [Recipe] = [
        course, minutes2, minutes20, hours2, permutationInvariant, largeBatch,
    ]

    /// What a course's readers have: nothing but the network and its optimizer.
    static let course = Recipe(
        name: "course", minutes: 2,
        purpose: """
            The most that plain pixels and stochastic gradient descent come to, without augmentation: what a course's \
            challenge allows.
            """,
        flags: """
            --hidden-dims 1024,1024,1024 --activation gelu --batch-norm sync --dropout 0.3 --input-dropout 0.1
            --init lecun --zero-output --optimizer sgd --lr 0.1 --momentum 0.9 --nesterov
            --weight-decay 0.0005 --weight-decay-on weights --label-smoothing 0.1
            --batch-size 512 --epochs 20 --lr-schedule cosine --warmup-epochs 5% --matmul-precision low
            """)

    /// The best in the time that it takes to fetch a coffee.
    package static let minutes2 = Recipe(
        name: "minutes-2", minutes: 2,
        purpose: "The best network of dense layers that two minutes are enough for.",
        flags: """
            --hidden-dims 1024,1024,1024 --activation gelu --batch-norm sync
            --whiten zca --whiten-epsilon 1 --init lecun --init-window 1.5 --zero-output
            --optimizer adamw --lr 0.002 --beta2 0.99 --weight-decay 0.1 --weight-decay-on weights
            --l1 0.05 --input-l1 0.1
            --batch-size 512 --epochs 30 --lr-schedule cosine --warmup-epochs 5%
            --augment crop,flip --crop-padding 2 --label-smoothing 0.1 --matmul-precision low
            --test-views flip,shift:2
            """)

    /// Twice the width, several times the epochs.
    static let minutes20 = Recipe(
        name: "minutes-20", minutes: 20,
        purpose: "Twice the width and four times the epochs of minutes-2, with dropout.",
        flags: """
            --hidden-dims 2048,2048,2048 --activation gelu --batch-norm sync --dropout 0.1
            --whiten zca --whiten-epsilon 1 --init lecun --init-window 1.5 --zero-output
            --optimizer adamw --lr 0.0015 --beta2 0.99 --weight-decay 0.1 --weight-decay-on weights
            --l1 0.05 --input-l1 0.1
            --batch-size 512 --epochs 120 --lr-schedule cosine --warmup-epochs 5%
            --augment crop,flip --crop-padding 3 --label-smoothing 0.1
            --matmul-precision low --test-views flip,shift:2
            """)

    /// As long as the loss still falls.
    static let hours2 = Recipe(
        name: "hours-2", minutes: 120,
        purpose: "Six times the epochs of minutes-20, and more against overfitting.",
        flags: """
            --hidden-dims 2048,2048,2048 --activation gelu --batch-norm sync --dropout 0.2
            --whiten zca --whiten-epsilon 1 --init lecun --init-window 1.5 --zero-output
            --optimizer adamw --lr 0.0015 --beta2 0.99 --weight-decay 0.1 --weight-decay-on weights
            --l1 0.05 --input-l1 0.1
            --batch-size 512 --epochs 700 --lr-schedule cosine --warmup-epochs 5%
            --augment crop,flip --crop-padding 3 --label-smoothing 0.1
            --matmul-precision low --test-views flip,shift:2
            """)

    /// Any permutation of the pixels, the same one in all images, leads to the same accuracy but for chance.
    static let permutationInvariant = Recipe(
        name: "permutation-invariant", minutes: 20,
        purpose: """
            Nothing knows which pixels are neighbours: the same accuracy for images whose pixels are permuted, all in \
            the same way.
            """,
        flags: """
            --hidden-dims 2048,2048,2048 --activation gelu --batch-norm sync --dropout 0.3
            --whiten zca --whiten-epsilon 4 --init lecun --zero-output
            --optimizer adamw --lr 0.002 --beta2 0.99 --weight-decay 0.1 --weight-decay-on weights
            --l1 0.1 --input-l1 0.2
            --batch-size 512 --epochs 100 --lr-schedule cosine --warmup-epochs 5%
            --mixup 0.3 --mixup-shares pair --label-smoothing 0.1 --matmul-precision low
            """)

    /// Fewer, larger steps, for many ranks.
    package static let largeBatch = Recipe(
        name: "large-batch", minutes: 2,
        purpose: """
            minutes-2 in an eighth of the steps, for many ranks and hosts, whose rate follows the square root of the \
            batch.
            """,
        flags: """
            --hidden-dims 1024,1024,1024 --activation gelu --batch-norm sync
            --whiten zca --whiten-epsilon 1 --init lecun --init-window 1.5 --zero-output
            --optimizer adamw --lr 0.002 --beta2 0.99 --weight-decay 0.1 --weight-decay-on weights
            --l1 0.05 --input-l1 0.1
            --batch-size 4096 --lr-scaling sqrt --lr-reference-batch 512
            --epochs 30 --lr-schedule cosine --warmup-epochs 10%
            --augment crop,flip --crop-padding 2 --label-smoothing 0.1 --matmul-precision low
            --test-views flip,shift:2
            """)
}

/// Settings under a name, which are laid under those that the command line gives.
public struct Recipe: Sendable, Equatable {
    /// What it is called on the command line.
    public let name: String
    /// The time that it may take on ``machine``, in minutes.
    public let minutes: Int
    /// What it is for, in a sentence.
    public let purpose: String
    /// Its words by flag, without dashes. A share of the epochs, as `5%`, is still one.
    private let ownWords: [String: String]

    /// What the budgets of all of them are stated for.
    public static let machine = "two cores of a Zen 4 or Zen 5"

    /// A recipe.
    ///
    /// - Parameter flags: As on the command line, without blanks in values. A number of epochs may be a share of all of
    ///   them, as in `--warmup-epochs 5%`.
    init(name: String, minutes: Int, purpose: String, flags: String) {
        self.name = name
        self.minutes = minutes
        self.purpose = purpose
        var words: [String: String] = [:]
        var rest = flags.split { $0 == " " || $0 == "\n" }[...]
        while let flag = rest.popFirst()?.dropFirst(2) {
            if let value = rest.first, !value.hasPrefix("--") {
                words[String(flag)] = String(value)
                rest.removeFirst()
            } else {
                words[flag.hasPrefix("no-") ? String(flag.dropFirst(3)) : String(flag)] =
                    flag.hasPrefix("no-") ? "false" : "true"
            }
        }
        ownWords = words
    }

    /// The recipe of that name.
    public static func named(_ name: String) -> Recipe? { all.first { $0.name == name } }

    /// All names, for a message, as in "course, minutes-2 or minutes-20".
    public static var names: String { oneOf(all.map(\.name)) }

    /// Its words by flag, without dashes.
    ///
    /// - Parameter epochs: The epochs of which a share is taken, where the command line gives them; nil for its own.
    public func words(epochs: Int? = nil) -> [String: String] {
        let epochs = epochs ?? ownWords["epochs"].flatMap { Int($0) } ?? TrainingConfiguration.defaults.epochs
        return ownWords.reduce(into: [:]) { words, own in
            let (flag, word) = own
            words[flag] = word
            guard word.hasSuffix("%"), let percent = Double(word.dropLast()) else { return }
            let share = (percent * Double(epochs)).rounded() / 100
            // Some settings take whole numbers of epochs alone.
            let isRead = TrainingConfiguration.setting(flag)?.reads(share.word) ?? false
            words[flag] = (isRead ? share : share.rounded()).word
        }
    }

    /// The command that trains by it, with all flags written out.
    public var command: String {
        (["dp-train train", TrainingConfiguration.text(of: words()), RunOptions.text(of: words())])
            .filter { !$0.isEmpty }.joined(separator: " ")
    }
}

extension TrainingConfiguration {
    /// Lays over it what the command line gives, and under that a recipe, whose name is recorded.
    ///
    /// - Parameters:
    ///   - words: The words by flag, without its dashes.
    ///   - recipe: The recipe, if one was asked for.
    /// - Throws: ``ConfigurationError`` for a word that is no value, or a setting that was given and does not apply.
    public mutating func apply(_ words: [String: String], recipe: Recipe?) throws(ConfigurationError) {
        guard let recipe else { return try apply(words) }
        try apply(words, over: recipe.words(epochs: words["epochs"].flatMap { Int($0) }))
        self.recipe = recipe.name
    }

    /// What of its recipe it holds to, by flag.
    var keptOfRecipe: [String: String] {
        recipe.flatMap(Recipe.named).map { comparison(with: $0.words(epochs: epochs)).kept } ?? [:]
    }

    /// What the header says of its recipe; nil without one.
    ///
    /// - Parameter options: The options of the run.
    package func recipeLine(with options: RunOptions) -> String? {
        guard let name = recipe else { return nil }
        guard let known = Recipe.named(name) else { return "\(name), which this program does not have" }
        let words = known.words(epochs: epochs)
        let (settings, others) = (comparison(with: words), options.comparison(with: words))
        let kept = [Self.text(of: settings.kept), RunOptions.text(of: others.kept)].filter { !$0.isEmpty }
        let overridden = settings.differences + others.differences
        return "\(name), which sets \(kept.joined(separator: " "))"
            + (overridden.isEmpty
                ? "" : "; overridden: " + overridden.map(\.description).joined(separator: ", "))
    }
}

extension Configurable {
    /// Compares it with words by flag.
    ///
    /// - Returns: The words that hold, and the differences from the others; of those that do not apply nothing.
    fileprivate func comparison(
        with words: [String: String]
    ) -> (kept: [String: String], differences: [SettingDifference]) {
        var (kept, differences): ([String: String], [SettingDifference]) = ([:], [])
        for setting in Self.settings where setting.isOption && setting.applies(to: self) {
            guard let word = words[setting.flag] else { continue }
            var asWritten = self
            // A recipe's words are values, as its tests check.
            do throws(ConfigurationError) { try setting.set(word, in: &asWritten) } catch { continue }
            if let difference = setting.difference(from: asWritten, to: self) {
                differences.append(difference)
            } else {
                kept[setting.flag] = word
            }
        }
        return (kept, differences)
    }
}

extension String: SettingValue {
    static var expectation: String { "a text" }
    init?(word: String) { self = word }
    var word: String { self }
}
