public import Foundation

/// Why bytes are not a safetensors file, or why tensors cannot be written as one or read as what was asked for.
public struct SafetensorsError: Error, Sendable, Equatable, CustomStringConvertible, LocalizedError {
    /// One line: what was expected and what was found.
    public let description: String

    /// The same as `description`.
    public var errorDescription: String? { description }

    init(_ description: String) { self.description = description }
}
