public import Foundation

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
