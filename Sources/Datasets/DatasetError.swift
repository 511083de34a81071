public import Foundation

/// What went wrong with a data set, in one line: the operation, the file, what was expected and what was
/// found.
public struct DatasetError: Error, Equatable, Sendable, CustomStringConvertible, LocalizedError {
    /// What was being done: "reading", "opening the archive", …
    public let operation: String
    /// The file, folder or address concerned.
    public let location: String
    /// What should have been there.
    public let expected: String
    /// What was there.
    public let found: String

    /// Makes an error from its parts, each a piece of a sentence.
    public init(operation: String, location: String, expected: String, found: String) {
        self.operation = operation
        self.location = location
        self.expected = expected
        self.found = found
    }

    /// The whole message, one line.
    public var description: String {
        "\(operation) \(location): expected \(expected), found \(found)"
    }

    /// The whole message, one line.
    public var errorDescription: String? { description }
}
