public import ArgumentParser
public import Tensors
package import Training

/// The options of a table of settings: a flag for each, with its help.
///
/// What ArgumentParser wants to know of a type it takes from its mirror, and what it has read it hands over as a decoder. So
/// both are written here by hand, from the table, in the place of a property for each setting. All options may be missing,
/// so that what was given can be told from what was not: a resumed run takes the rest from its checkpoint.
package struct SettingOptions<Root: Configurable>: ParsableArguments, CustomReflectable {
    /// The words that were given, by flag; of a switch `true` or `false`.
    package private(set) var words: [String: String] = [:]

    @OptionGroup(visibility: .private)
    private var formerNames: FormerNames<Root>

    package init() {}

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: SettingKey.self)
        for setting in Root.settings where setting.isOption {
            let key = SettingKey(setting.flag)
            words[setting.flag] =
                setting.isSwitch
                ? try values.decode(Flag<Bool?>.self, forKey: key).wrappedValue.map { "\($0)" }
                : try values.decode(Option<String?>.self, forKey: key).wrappedValue
        }
        _formerNames = try values.decode(OptionGroup<FormerNames<Root>>.self, forKey: Self.formerNamesKey)
    }

    package var customMirror: Mirror {
        let options = Root.settings.filter(\.isOption).map { setting in
            (label: Optional(setting.flag), value: Self.definition(of: setting))
        }
        let group: Mirror.Child = (Self.formerNamesKey.stringValue, _formerNames)
        return Mirror(self, children: options + [group], displayStyle: .struct)
    }

    private static var formerNamesKey: SettingKey { SettingKey("former names") }

    private static func definition(of setting: Setting<Root>) -> Any {
        let name = NameSpecification.customLong(setting.flag)
        let help = ArgumentHelp(stringLiteral: setting.help)
        if setting.isSwitch { return Flag<Bool?>(name: name, inversion: .prefixedNo, help: help) }
        // A word that begins with a dash may be a value, too: a number below 0 is told that it is one.
        return Option<String?>(
            wrappedValue: nil, name: name, parsing: .unconditional, help: help,
            completion: setting.choices.isEmpty ? nil : .list(setting.choices)
        ) { word in
            guard setting.reads(word) else { throw ValidationError("expected \(setting.expectation)") }
            return word
        }
    }
}

/// The recipe that is laid under the flags of a command.
package struct RecipeOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Settings that go well together, laid under the flags: \(Recipe.names). 'dp-train recipes' shows them.",
            valueName: "name"),
        completion: .list(Recipe.all.map(\.name)),
        transform: { name in
            guard let recipe = Recipe.named(name) else { throw ValidationError("expected \(Recipe.names)") }
            return recipe
        })
    package var recipe: Recipe?

    package init() {}
}

/// The former names of the flags of a table: each is refused with the new one.
package struct FormerNames<Root: Configurable>: ParsableArguments, CustomReflectable {
    private var refusals: [ConfigurationError] = []

    package init() {}

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: SettingKey.self)
        for (setting, former) in Self.all {
            let word = try values.decode(Option<String?>.self, forKey: SettingKey(former.name)).wrappedValue
            if let word { refusals.append(setting.refusal(ofFormer: former, word: word)) }
        }
    }

    package var customMirror: Mirror {
        let options: [Mirror.Child] = Self.all.map { _, former in
            let option = Option<String?>(
                name: .customLong(former.name), parsing: .unconditional, help: .private)
            return (former.name, option)
        }
        return Mirror(self, children: options, displayStyle: .struct)
    }

    package func validate() throws {
        if let refusal = refusals.first { throw ValidationError(refusal.description) }
    }

    private static var all: [(Setting<Root>, Setting<Root>.FormerName)] {
        Root.settings.compactMap { setting in setting.formerName.map { (setting, $0) } }
    }
}

/// Readers of the values of other options, whose errors say what was expected.
package enum Values {
    package static func wholeNumber(_ text: String) throws -> Int {
        guard let value = Int(text) else { throw ValidationError("expected a whole number") }
        return value
    }

    package static func number(_ text: String) throws -> Double {
        guard let value = Double(text) else { throw ValidationError("expected a number") }
        return value
    }

    package static func widths(_ text: String) throws -> [Int] {
        guard !text.isEmpty else { return [] }
        return try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
            guard let width = Int(part) else {
                throw ValidationError("expected whole numbers with commas between, as in 512,256,128")
            }
            return width
        }
    }
}

extension MatmulPrecision: ExpressibleByArgument {}
extension InstructionSet: ExpressibleByArgument {}
