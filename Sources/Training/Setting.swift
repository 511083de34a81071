public import Foundation

// A setting is declared once, as an entry of a table: `TrainingConfiguration.settings` for what decides a run's result,
// `RunOptions.settings` for the rest. From the entry come the flag of the command line with its help and default, how its
// value is read and checked, its place in config.json and in checkpoints, how two runs are compared in it, and what the
// header of a run says of it.

/// What a table of settings describes.
public protocol Configurable: Sendable {
    /// All settings, in the order in which they are listed, read and checked.
    static var settings: [Setting<Self>] { get }
    /// What holds where nothing is said.
    static var defaults: Self { get }
}

/// A setting that cannot be used.
public struct ConfigurationError: Error, Equatable, CustomStringConvertible, LocalizedError {
    /// The setting, as the command line names it.
    public let setting: String
    /// The value found.
    public let found: String
    /// What was expected.
    public let expected: String

    /// An error about `setting`.
    public init(_ setting: String, found: String, expected: String) {
        self.setting = setting
        self.found = found
        self.expected = expected
    }

    /// One line that names the setting, what was expected, and what was found.
    public var description: String { "\(setting): expected \(expected), found \(found)" }

    /// The same as ``description``.
    public var errorDescription: String? { description }
}

/// One setting of `Root`: an entry of its table.
public struct Setting<Root: Configurable>: Sendable {
    /// What a setting was called before, on the command line and in stored configurations.
    public struct FormerName: Sendable {
        /// The flag, without its dashes, and the key.
        public let name: String
        /// Words for values that were called otherwise, by their old ones.
        let words: [String: String]
    }

    /// The flag, without its dashes.
    public let flag: String
    /// What it is, for people, in a sentence or two.
    public let summary: String
    /// Whether the command line has it; else it is only recorded.
    public let isOption: Bool
    /// Whether it is `--flag` or `--no-flag`, without a value.
    public let isSwitch: Bool
    /// The values that there are, where they can be counted.
    public let choices: [String]
    /// What a value must be to be read, for messages, as in "a whole number".
    public let expectation: String
    /// What it was called before.
    public let formerName: FormerName?

    /// The setting that it belongs to, with the values under which it applies.
    private let need: (flag: String, words: [String])?
    /// What stands for the default where that follows from something else.
    private let unset: String?
    /// Whether a line of the header other than that of the settings tells it.
    private let hasOwnLine: Bool
    private let canRead: @Sendable (String) -> Bool
    private let read: @Sendable (String, inout Root) -> Void
    private let write: @Sendable (Root) -> String
    private let show: @Sendable (Root) -> String
    private let phrase: @Sendable (Root) -> String?
    private let objection: @Sendable (Root) -> Objection?
    private let decidesResult: @Sendable (Root) -> Bool
    private let key: String?
    private let encode: @Sendable (Root, inout KeyedEncodingContainer<SettingKey>) throws -> Void
    private let decode: @Sendable (inout Root, KeyedDecodingContainer<SettingKey>) throws -> Void

    /// An entry of a table.
    ///
    /// - Parameters:
    ///   - flag: The flag, without its dashes.
    ///   - path: Where its value is. A value that is nil follows from something else, or does not apply.
    ///   - key: What it is recorded as, if it is; where a record does not have it, it has its default.
    ///   - summary: What it is, for people; values and default are added to it.
    ///   - unset: What the default follows from, where it is nil.
    ///   - isOption: Whether the command line has it; else it follows from the setting of that flag and the run.
    ///   - formerly: What it was called before, and the new words for values by the old ones.
    ///   - needs: The flag of the setting that it belongs to, and the values of that under which it applies; where that is a
    ///     list, one of them is enough.
    ///   - hasOwnLine: Whether a line of the header tells it, wherever it stands; else it is told if it is not the default.
    ///   - inModel: What the line of the model in the header says of it; nil of a value that goes without saying.
    ///   - decidesResult: Whether another value leads to another result.
    ///   - shown: Its value in a comparison, if that is not the word by which it is read.
    ///   - valid: What is wrong with a value, if anything.
    init<Value: SettingValue>(
        _ flag: String, _ path: any WritableKeyPath<Root, Value> & Sendable, key: String? = nil,
        _ summary: String = "", unset: String? = nil, isOption: Bool = true,
        formerly: (name: String, words: [String: String])? = nil,
        needs: (flag: String, words: [String])? = nil, hasOwnLine: Bool = false,
        inModel: (@Sendable (Value) -> String?)? = nil,
        decidesResult: @escaping @Sendable (Root) -> Bool = { _ in true },
        shown: (@Sendable (Value, Root) -> String)? = nil,
        valid: @escaping @Sendable (Value, Root) -> Objection? = { _, _ in nil }
    ) {
        self.flag = flag
        self.key = key
        self.summary = summary
        self.isOption = isOption
        isSwitch = Value.self == Bool.self
        choices = Value.choices
        expectation = Value.expectation
        let formerName = formerly.map { FormerName(name: $0.name, words: $0.words) }
        self.formerName = formerName
        need = needs
        self.unset = unset
        self.hasOwnLine = hasOwnLine || inModel != nil
        self.decidesResult = decidesResult
        canRead = { Value(word: $0) != nil }
        read = { word, root in
            // The same word keeps what else a value holds, such as the α of ELU.
            guard root[keyPath: path].word != word, let value = Value(word: word) else { return }
            root[keyPath: path] = value
        }
        write = { $0[keyPath: path].word }
        show = { root in
            let value = root[keyPath: path]
            return shown?(value, root) ?? value.word
        }
        phrase = { inModel?($0[keyPath: path]) }
        objection = { root in
            let value = root[keyPath: path]
            return valid(value, root).map { Objection($0.expected, found: $0.found ?? value.word) }
        }
        encode = { root, container in
            let value = root[keyPath: path]
            guard let key, !value.word.isEmpty else { return }
            try container.encode(value, forKey: SettingKey(key))
        }
        decode = { root, container in
            if let key, container.contains(SettingKey(key)) {
                root[keyPath: path] = try container.decode(Value.self, forKey: SettingKey(key))
            } else if key != nil, let formerName, container.contains(SettingKey(formerName.name)) {
                let word = try container.decode(String.self, forKey: SettingKey(formerName.name))
                guard let value = Value(word: formerName.words[word] ?? word) else {
                    throw DecodingError.dataCorruptedError(
                        forKey: SettingKey(formerName.name), in: container,
                        debugDescription: "expected \(Value.expectation), found \(word)")
                }
                root[keyPath: path] = value
            }
        }
    }

    /// The text for the help: what it is, its values, its default.
    public var help: String {
        let values = choices.isEmpty ? "" : "values: \(choices.joined(separator: ", ")); "
        return "\(summary) (\(values)default: \(unset ?? text(defaultWord)))"
    }

    /// Whether a word of the command line is a value.
    public func reads(_ word: String) -> Bool { canRead(word) }

    /// The error for a flag by its former name, with the new one.
    public func refusal(ofFormer name: FormerName, word: String) -> ConfigurationError {
        ConfigurationError(
            "--\(name.name)", found: "its old name",
            expected: "its new name, --\(flag) \(name.words[word] ?? word)")
    }

    // MARK: For the types that have tables

    /// Sets it to what a word of the command line means.
    func set(_ word: String, in root: inout Root) throws(ConfigurationError) {
        guard canRead(word) else {
            throw ConfigurationError("--\(flag)", found: word, expected: expectation)
        }
        read(word, &root)
    }

    /// Checks its value.
    func validate(_ root: Root) throws(ConfigurationError) {
        guard let objection = objection(root) else { return }
        throw ConfigurationError("--\(flag)", found: objection.found ?? "", expected: objection.expected)
    }

    /// Whether it applies, with a value that can be used.
    func isUsable(in root: Root) -> Bool { applies(to: root) && objection(root) == nil }

    /// Checks that it applies, where it was given.
    func checkApplies(to root: Root) throws(ConfigurationError) {
        guard let need, !applies(to: root) else { return }
        let needed = Root.setting(need.flag)
        let found = needed?.write(root) ?? ""
        if let needed, needed.isSwitch {
            throw ConfigurationError(
                "--\(flag)", found: needed.text(found),
                expected: "\(need.words.map(needed.text).joined()) with it")
        }
        throw ConfigurationError(
            "--\(flag)", found: "--\(need.flag) \(found)",
            expected: "--\(need.flag) \(need.words.joined(separator: " or ")) with it")
    }

    /// The difference between two values, in the words of the command line; nil if there is none.
    func difference(from old: Root, to new: Root) -> SettingDifference? {
        guard isOption else { return nil }
        let (before, after) = (value(in: old), value(in: new))
        return before == after ? nil : SettingDifference(setting: "--\(flag)", old: before, new: after)
    }

    /// Whether the difference between two values leads to another result.
    func decidesResult(of old: Root, _ new: Root) -> Bool { decidesResult(old) || decidesResult(new) }

    /// What the header says of it in the line of the model.
    func phrase(in root: Root) -> String? { applies(to: root) ? phrase(root) : nil }

    /// What the header says of it in the line of the settings: flag and value, where that is not the default.
    func mention(in root: Root) -> String? {
        guard isOption, !hasOwnLine, applies(to: root), write(root) != defaultWord else { return nil }
        let value = value(in: root)
        return value.isEmpty || isSwitch ? value : "--\(flag) \(value)"
    }

    /// The words of the command line that set it to its value in `root`; none where it has no value, or none that applies.
    func words(in root: Root) -> [String] {
        let word = write(root)
        guard isOption, applies(to: root), !word.isEmpty else { return [] }
        if isSwitch { return [text(word)] }
        // An empty list is told by an empty word.
        return ["--\(flag)", word == "\"\"" ? "" : word]
    }

    /// Whether its value in `root` is the one that it has where nothing is said.
    func isDefault(in root: Root) -> Bool { write(root) == defaultWord }

    /// Whether it is recorded as one of `keys`.
    func isRecorded(as keys: Set<String>) -> Bool { key.map(keys.contains) ?? false }

    /// Whether a record has it, under its name or the former one.
    func isStored(in container: KeyedDecodingContainer<SettingKey>) -> Bool {
        [key, formerName?.name].contains { $0.map { container.contains(SettingKey($0)) } ?? false }
    }

    /// Records it in `container`, if it has a value.
    func encode(_ root: Root, into container: inout KeyedEncodingContainer<SettingKey>) throws {
        try encode(root, &container)
    }

    /// Reads it from `container`, if it is there.
    func decode(_ root: inout Root, from container: KeyedDecodingContainer<SettingKey>) throws {
        try decode(&root, container)
    }

    /// Its value in a comparison, or what stands for it where it follows from something else; empty where it does not apply.
    private func value(in root: Root) -> String {
        guard applies(to: root) else { return "" }
        let value = text(show(root))
        return value.isEmpty ? unset ?? "" : value
    }

    private func text(_ word: String) -> String {
        isSwitch ? (word == true.word ? "--\(flag)" : "--no-\(flag)") : word
    }

    func applies(to root: Root) -> Bool {
        guard let need else { return true }
        // One of a list is enough.
        let words = (Root.setting(need.flag)?.write(root) ?? "").split(separator: ",")
        return words.contains { need.words.contains(String($0)) }
    }

    /// The default; of a setting that belongs to another one, the default under the first value at which it applies.
    private var defaultWord: String {
        var root = Root.defaults
        if let need { Root.setting(need.flag)?.read(need.words[0], &root) }
        return write(root)
    }
}

extension Configurable {
    /// The setting of that flag, without its dashes.
    public static func setting(_ flag: String) -> Setting<Self>? {
        settings.first { $0.isOption && $0.flag == flag }
    }

    /// Lays over it what the command line gives: words by flag, without its dashes.
    ///
    /// - Parameters:
    ///   - words: What was given.
    ///   - implied: What gives way to it. A setting of these that does not apply, or cannot be used, with what was given is
    ///     left out.
    /// - Throws: ``ConfigurationError`` for a word that is no value, or a setting that was given and does not apply.
    public mutating func apply(
        _ words: [String: String], over implied: [String: String] = [:]
    ) throws(ConfigurationError) {
        var all = implied.merging(words) { _, given in given }
        var trial = self
        try trial.set(all)
        for setting in Self.settings where words[setting.flag] == nil && !setting.isUsable(in: trial) {
            all[setting.flag] = nil
        }
        try set(all)
        for setting in Self.settings where setting.isOption && words[setting.flag] != nil {
            try setting.checkApplies(to: self)
        }
    }

    /// Sets what there are words for, in the order of the table.
    private mutating func set(_ words: [String: String]) throws(ConfigurationError) {
        for setting in Self.settings where setting.isOption {
            if let word = words[setting.flag] { try setting.set(word, in: &self) }
        }
    }

    /// Checks every value by itself, before any work starts.
    ///
    /// - Throws: ``ConfigurationError`` for the first value out of range.
    public func validate() throws(ConfigurationError) {
        for setting in Self.settings { try setting.validate(self) }
    }
}

/// A setting in which two configurations differ.
public struct SettingDifference: Sendable, Equatable, CustomStringConvertible {
    /// The setting, as the command line names it.
    public let setting: String
    /// The value in the one that is compared with, in the words of the command line; empty where the setting does
    /// not apply.
    public let old: String
    /// The value in the other one.
    public let new: String

    /// The setting and both values, as in `--lr 0.1 → 0.2` or `--no-residual → --residual`.
    public var description: String {
        let values = [old, new].map { $0.isEmpty ? "none" : $0 }.joined(separator: " → ")
        return old.hasPrefix("--") && new.hasPrefix("--") ? values : "\(setting) \(values)"
    }
}

/// The key of a setting in JSON, and of an option among the parsed ones.
public struct SettingKey: CodingKey {
    /// The key.
    public let stringValue: String
    /// None: settings have names.
    public var intValue: Int? { nil }

    /// A key by its name.
    public init(_ name: String) { stringValue = name }
    /// The same.
    public init?(stringValue: String) { self.stringValue = stringValue }
    /// No key.
    public init?(intValue: Int) { nil }
}

/// What is wrong with a value.
struct Objection {
    /// What was expected.
    let expected: String
    /// What was found; nil for the value itself.
    let found: String?

    init(_ expected: String, found: String? = nil) {
        self.expected = expected
        self.found = found
    }
}

/// A check that a number, if there is one, is in a range.
func within<Root>(
    _ range: ClosedRange<Int>, _ what: String = "a whole number from"
) -> @Sendable (Int?, Root) -> Objection? {
    { value, _ in
        value.map(range.contains) ?? true
            ? nil : Objection("\(what) \(range.lowerBound) to \(range.upperBound)")
    }
}

/// A check of a number, if there is one, by itself; infinity and NaN never pass.
func number<Root>(
    _ expected: String, _ isValid: @escaping @Sendable (Double) -> Bool
) -> @Sendable (Double?, Root) -> Objection? {
    { value, _ in value.map { $0.isFinite && isValid($0) } ?? true ? nil : Objection(expected) }
}
