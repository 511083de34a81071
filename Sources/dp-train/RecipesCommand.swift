import ArgumentParser
import CommandLineSupport
import Training

/// `dp-train recipes`: shows which recipes there are.
struct RecipesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recipes",
        abstract: "Show the recipes: what each is for, its budget, and the command that it stands for.",
        discussion: """
            'dp-train train --recipe NAME' trains by one. Flags beside it override its own, and what follows the number of \
            epochs, as the warm-up does, follows theirs.
            """)

    @Argument(help: "Which; all without a name.", completion: .list(Recipe.all.map(\.name)))
    var name: String?

    func validate() throws {
        guard let name, Recipe.named(name) == nil else { return }
        throw ValidationError(
            "recipes: expected \(Recipe.names), found \(name)")
    }

    func run() throws {
        let shown = name.flatMap(Recipe.named).map { [$0] } ?? Recipe.all
        for (index, recipe) in shown.enumerated() {
            if index > 0 { print("") }
            print("\(recipe.name): \(recipe.minutes) minutes on \(Recipe.machine)")
            print("  \(recipe.purpose)")
            print("  \(recipe.command)")
        }
    }
}
