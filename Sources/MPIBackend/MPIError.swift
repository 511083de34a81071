public import Foundation

/// An error code that a call of the MPI library returned.
public struct MPIError: Error, Equatable, CustomStringConvertible, LocalizedError {
    /// The MPI function that failed, such as `MPI_Bcast`.
    public let operation: String
    /// The rank on which it failed; -1 before ranks are known.
    public let rank: Int
    /// The code that it returned, which only this library understands.
    public let code: Int32
    /// The code's error class, which the standard defines.
    public let errorClass: Int32
    /// The library's text for the code.
    public let text: String

    /// An error of a call.
    public init(operation: String, rank: Int, code: Int32, errorClass: Int32, text: String) {
        self.operation = operation
        self.rank = rank
        self.code = code
        self.errorClass = errorClass
        self.text = text
    }

    /// One line: `rank 1: MPI_Bcast failed: MPI_ERR_ROOT: invalid root (class 7, code 8)`.
    public var description: String {
        (rank < 0 ? "" : "rank \(rank): ")
            + "\(operation) failed: \(text) (class \(errorClass), code \(code))"
    }

    /// The same as ``description``.
    public var errorDescription: String? { description }
}
