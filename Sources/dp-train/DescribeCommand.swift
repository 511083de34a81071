import ArgumentParser
import CommandLineSupport
import MLPEngine
import Training

/// `dp-train describe`: shows the network that the flags of a run make.
struct DescribeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "describe",
        abstract: "Show the layers of a network, their shapes, parameters and multiplications.",
        discussion: """
            Takes the flags of train. Multiplications are those of matrix products, for an image: forward, and with those of \
            the way back in training: ∂L/∂W for each linear layer, and ∂L/∂X for each but the first.
            """)

    @OptionGroup var recipe: RecipeOption

    @OptionGroup(title: "The network, as train takes it") var settings: SettingOptions<TrainingConfiguration>

    @Option(
        parsing: .unconditional, help: "Columns that go in. (default: the numbers of an image)",
        transform: Values.wholeNumber)
    var inputs: Int?

    @Option(
        parsing: .unconditional, help: "Classes. (default: those of the images)",
        transform: Values.wholeNumber)
    var classes: Int?

    func validate() throws {
        for (flag, value) in [("--inputs", inputs), ("--classes", classes)] {
            guard value.map({ (1...1_000_000).contains($0) }) ?? true else {
                throw ValidationError("\(flag): expected a number from 1 to 1000000, found \(value ?? 0)")
            }
        }
    }

    func run() throws {
        var configuration = TrainingConfiguration()
        do {
            try configuration.apply(settings.words, recipe: recipe.recipe)
            try configuration.validate()
        } catch {
            throw ValidationError(error.description)
        }
        var model = configuration.model
        model.inputs = inputs ?? model.inputs
        model.classes = classes ?? model.classes
        Self.lines(of: MLP(model).network).forEach { print($0) }
    }

    /// The table, and what is below it.
    static func lines(of network: Sequential) -> [String] {
        let header = ["layer", "kind", "in", "out", "parameters", "count", "multiplications"]
        let rows = network.rows.map { row in
            let parameters = row.parameters.map { "\($0.name.dropFirst(row.name.count + 1)) \($0.shape)" }
            return [
                row.name, row.kind, "\(row.inputs)", "\(row.outputs)", parameters.joined(separator: ", "),
                "\(row.parameterCount)", "\(row.multiplications)",
            ]
        }
        let widths = header.indices.map { column in ([header] + rows).map { $0[column].count }.max() ?? 0 }
        // Numbers stand at the right.
        let isNumber = [false, false, true, true, false, true, true]
        let table = ([header] + rows).map { row in
            row.indices.map { column in
                let blanks = String(repeating: " ", count: widths[column] - row[column].count)
                return isNumber[column] ? blanks + row[column] : row[column] + blanks
            }.joined(separator: "  ")
        }
        let forward = network.rows.reduce(0) { $0 + $1.multiplications }
        let first = network.linears.first.map { $0.inputs * $0.outputs } ?? 0
        return table + [
            "\(network.parameterLayout.count) trainable parameters, \(network.statisticsLayout.count) running statistics",
            "\(forward) multiplications for an image forward, \(3 * forward - first) in training",
        ]
    }
}
