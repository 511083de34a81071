public import Foundation

/// Why MPI cannot be used in this process.
public enum MPIEnvironmentError: Error, Equatable, CustomStringConvertible, LocalizedError {
    /// The library allows fewer threads to call it than required.
    case insufficientThreadSupport(library: String, required: ThreadSupport, provided: ThreadSupport)
    /// MPI has been finalised; the standard does not allow to start it again.
    case finalized(operation: String)

    /// One line that names what was expected and found.
    public var description: String {
        switch self {
        case .insufficientThreadSupport(let library, let required, let provided):
            "\(library): required thread support \"\(required)\", found \"\(provided)\""
        case .finalized(let operation):
            "\(operation): MPI has been finalised in this process"
        }
    }

    /// The same as ``description``.
    public var errorDescription: String? { description }
}
