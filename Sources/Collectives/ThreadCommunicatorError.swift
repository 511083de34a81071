public import Foundation

/// Why a collective of a ``ThreadCommunicator`` could not complete.
public enum ThreadCommunicatorError: Error, Equatable, CustomStringConvertible, LocalizedError {
    /// The rank called ``ThreadCommunicator/abort(code:)``.
    case aborted(rank: Int, code: Int32)
    /// Two ranks called different collectives, or with different arguments.
    case mismatch(String)
    /// A rank ended while another waited for it in a collective.
    case rankEnded(rank: Int, waiting: String)

    /// One line that says which rank did what.
    public var description: String {
        switch self {
        case .aborted(let rank, let code): "rank \(rank) aborted with code \(code)"
        case .mismatch(let detail): "the ranks called different collectives: \(detail)"
        case .rankEnded(let rank, let waiting): "rank \(rank) has ended; nobody can complete the \(waiting)"
        }
    }

    /// The same as ``description``.
    public var errorDescription: String? { description }
}
