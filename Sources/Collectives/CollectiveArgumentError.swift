public import Foundation

/// An argument of a collective that cannot be right, found on the calling rank before anything is sent.
public enum CollectiveArgumentError: Error, Equatable, CustomStringConvertible, LocalizedError {
    /// A root that is not in 0 ..< size.
    case noSuchRoot(operation: String, root: Int, size: Int)
    /// A buffer for a collective's result that has the wrong number of elements.
    case wrongCount(operation: String, expected: Int, found: Int)
    /// A size of a communicator that is not positive, or that its nodes do not fit.
    case invalidSize(operation: String, size: Int)
    /// A color or a key of a split that is not in the range that MPI allows.
    case invalidSplit(color: Int, key: Int)

    /// One line that names the operation, what it needs and what it was given.
    public var description: String {
        switch self {
        case .noSuchRoot(let operation, let root, let size):
            "\(operation): expected a root in 0 ..< \(size), found \(root)"
        case .wrongCount(let operation, let expected, let found):
            "\(operation): expected room for \(expected) elements, found \(found)"
        case .invalidSize(let operation, let size):
            "\(operation): cannot form a communicator of \(size) ranks"
        case .invalidSplit(let color, let key):
            "split: expected a color in 0 ... \(Int32.max) and a key of 32 bits, found \(color) and \(key)"
        }
    }

    /// The same as ``description``.
    public var errorDescription: String? { description }
}

extension Communicator {
    /// Checks that an allgather's result has room for every rank's contribution.
    ///
    /// - Throws: ``CollectiveArgumentError/wrongCount(operation:expected:found:)``.
    package func checkAllgather(contribution: Int, result: Int) throws {
        guard result == size * contribution else {
            throw CollectiveArgumentError.wrongCount(
                operation: "allgather", expected: size * contribution, found: result)
        }
    }

    /// Checks that there is a segment for each rank and that they fill the buffer.
    ///
    /// - Throws: ``CollectiveArgumentError/wrongCount(operation:expected:found:)``.
    package func checkSegments(_ counts: [Int], buffer: Int) throws {
        guard counts.count == size, counts.allSatisfy({ $0 >= 0 }), counts.reduce(0, +) == buffer else {
            throw CollectiveArgumentError.wrongCount(
                operation: "allgather of \(counts.count) segments", expected: counts.reduce(0, +),
                found: buffer)
        }
    }

    /// Checks that MPI can be given a color and a key.
    ///
    /// - Throws: ``CollectiveArgumentError/invalidSplit(color:key:)``.
    package func checkSplit(color: Int, key: Int) throws {
        guard color >= 0, color <= Int(Int32.max), Int32(exactly: key) != nil else {
            throw CollectiveArgumentError.invalidSplit(color: color, key: key)
        }
    }

    /// Checks that a root is a rank.
    ///
    /// - Throws: ``CollectiveArgumentError/noSuchRoot(operation:root:size:)``.
    package func checkRoot(_ root: Int, operation: String) throws {
        guard root >= 0, root < size else {
            throw CollectiveArgumentError.noSuchRoot(operation: operation, root: root, size: size)
        }
    }
}
