/// A value that is read from a word of the command line, and written as one.
protocol SettingValue: Codable, Sendable {
    /// What a word must be, for messages.
    static var expectation: String { get }
    /// The words that there are, where they can be counted.
    static var choices: [String] { get }
    /// Reads a word; nil for one that is no value.
    init?(word: String)
    /// The word that is read as this value; empty where there is none to be said.
    var word: String { get }
}

extension SettingValue {
    static var choices: [String] { [] }
}

extension SettingValue where Self: RawRepresentable<String> & CaseIterable {
    static var choices: [String] { allCases.map(\.rawValue) }
    static var expectation: String { oneOf(choices) }
    init?(word: String) { self.init(rawValue: word) }
    var word: String { rawValue }
}

/// Names as in "elu, relu or tanh".
func oneOf(_ names: [String]) -> String {
    names.count < 2
        ? names.joined() : names.dropLast().joined(separator: ", ") + " or \(names[names.count - 1])"
}

/// A value that there may be; `none` takes away one that a recipe has set, say.
extension Optional: SettingValue where Wrapped: SettingValue {
    static var expectation: String { Wrapped.expectation }
    static var choices: [String] { Wrapped.choices }
    init?(word: String) {
        if word == "none" {
            self = nil
            return
        }
        guard let value = Wrapped(word: word) else { return nil }
        self = value
    }
    var word: String { self?.word ?? "" }
}

extension Bool: SettingValue {
    static var expectation: String { "true or false" }
    init?(word: String) { self.init(word) }
    var word: String { description }
}

extension Int: SettingValue {
    static var expectation: String { "a whole number" }
    init?(word: String) { self.init(word) }
    var word: String { description }
}

extension UInt64: SettingValue {
    static var expectation: String { "a whole number from 0 to 2⁶⁴ − 1" }
    init?(word: String) { self.init(word) }
    var word: String { description }
}

extension Double: SettingValue {
    static var expectation: String { "a number" }
    init?(word: String) { self.init(word) }
    /// The shortest decimal that reads back the same, without a fraction where there is none.
    var word: String { description.hasSuffix(".0") ? String(description.dropLast(2)) : description }
}

/// A list, with commas between; none is written as on the command line, `""`.
extension Array: SettingValue where Element: SettingValue {
    static var choices: [String] { Element.choices }

    static var expectation: String {
        Element.choices.isEmpty
            ? "whole numbers with commas between, as in 512,256,128"
            : "\(oneOf(Element.choices)), or several with commas between"
    }

    init?(word: String) {
        guard !word.isEmpty else {
            self = []
            return
        }
        var values = [Element]()
        for part in word.split(separator: ",", omittingEmptySubsequences: false) {
            guard let value = Element(word: String(part)) else { return nil }
            values.append(value)
        }
        self = values
    }

    var word: String { isEmpty ? "\"\"" : map(\.word).joined(separator: ",") }
}
