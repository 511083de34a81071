internal import Collectives
internal import Tensors

/// A rank's share of its node's processors.
enum ProcessorShare {
    /// The node's processors divided by the ranks on it, at least 1.
    static func threads(of communicator: any Communicator) -> Int {
        max(1, ProcessorAffinity.processorsOfNode / communicator.placement.localSize)
    }

    /// Sets the threads of one matrix product.
    static func setBLASThreads(_ count: Int) {
        guard BLAS.threadCount != count else { return }
        // BLAS makes missing threads here. Launchers bind a rank to a core; its threads may use the others.
        ProcessorAffinity.withAffinityToAllProcessors { BLAS.threadCount = count }
    }
}
