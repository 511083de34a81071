import Collectives
import DataParallel

/// What the ranks of a node share, and how nodes bring their gradients together.
enum SharingMode: Sendable, CustomStringConvertible {
    /// Everything within a node.
    case shared
    /// Nothing: each rank is a node of its own, and they exchange gradients.
    case separateExchangingGradients
    /// Nothing: each rank is a node of its own, and computes all gradients.
    case separate
    /// Everything within a node; nodes exchange gradients.
    case sharedExchangingGradients
    /// Everything within a node; a measurement decides about the exchange of gradients.
    case measured

    /// All but the one that is left to a measurement.
    static let allCases = [shared, sharedExchangingGradients, separate, separateExchangingGradients]

    var description: String {
        switch self {
        case .shared: "shared memory"
        case .measured: "shared memory, as measured"
        case .sharedExchangingGradients: "shared memory, exchange of gradients"
        case .separate: "no shared memory"
        case .separateExchangingGradients: "no shared memory, exchange of gradients"
        }
    }

    var exchangesGradients: Bool? {
        self == .measured ? nil : self == .sharedExchangingGradients || self == .separateExchangingGradients
    }
    var sharesMemory: Bool { self != .separate && self != .separateExchangingGradients }

    /// Forms the group of this rank's node. Collective: every rank must call it.
    ///
    /// - Returns: The group, and the communicator to use with it, as training does.
    func form(_ communicator: any Communicator) throws -> (group: NodeGroup, communicator: any Communicator) {
        guard sharesMemory else { return (try NodeGroup(separating: communicator), communicator) }
        let group = try NodeGroup(communicator)
        return (group, try SharedMemoryCommunicator(base: communicator, group: group))
    }
}
