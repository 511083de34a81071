public import Foundation

/// A rank of this node has given up while others waited for it in shared memory.
public struct NodeBarrierCancelled: Error, Equatable, CustomStringConvertible, LocalizedError {
    /// An error that says so.
    public init() {}

    /// One line.
    public var description: String { "a rank of this node has given up; nobody can complete the barrier" }

    /// The same as ``description``.
    public var errorDescription: String? { description }
}
