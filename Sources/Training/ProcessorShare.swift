package import Collectives

/// A rank's share of its node's processors.
package enum ProcessorShare {
    /// The node's processors divided by the ranks on it, at least 1.
    package static func threads(of communicator: any Communicator) -> Int {
        max(1, ProcessorAffinity.processorsOfNode / communicator.placement.localSize)
    }
}
