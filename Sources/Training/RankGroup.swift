package import Collectives
internal import Foundation
internal import Tensors

/// The ranks as training sees them: in the order of their nodes, with what carries numbers between them.
package struct RankGroup {
    /// All ranks, those of a node one behind the other.
    package let communicator: any Communicator
    /// The ranks that share memory with this one.
    package let node: NodeGroup
    /// What carries the numbers, for people to read.
    package let transport: String

    /// Ranks that exchange everything through MPI, or share memory within a node. Collective: every rank must call it.
    ///
    /// - Throws: `SharedMemoryError`, or the communicator's error.
    package init(_ communicator: any Communicator, sharingMemory: Bool) throws {
        let ordered = try Self.ordered(communicator)
        guard sharingMemory else {
            node = try NodeGroup(separating: ordered)
            self.communicator = ordered
            transport = ordered.size == 1 ? "none" : RunOptions.Transport.mpi.rawValue
            return
        }
        node = try NodeGroup(ordered)
        self.communicator =
            ordered.size == 1 ? ordered : try SharedMemoryCommunicator(base: ordered, group: node)
        transport = ordered.size == 1 ? "none" : RunOptions.Transport.shared.rawValue
    }

    /// Checks that ranks which share memory use one instruction set: each packs numbers in an order of its own, and they read
    /// what others have packed. Collective: every rank must call it.
    ///
    /// - Throws: ``MixedInstructionSets``, on all ranks together, or the communicator's error.
    func requireOneInstructionSet() throws {
        let sets = try communicator.allgather(text: InstructionSet.used.name)
        for index in 0..<node.placement.nodeCount {
            let ranks = sets.indices.filter { node.placement.nodeOfRank[$0] == index }
            guard Set(ranks.map { sets[$0] }).count > 1 else { continue }
            let found = ranks.map { "\(sets[$0]) on \(node.placement.names(ofRanks: [$0]))" }
            throw MixedInstructionSets(found: found, shouldReport: communicator.rank == 0)
        }
    }

    /// Ranks whose order is that of their nodes, and rank 0 is the same.
    private static func ordered(_ communicator: any Communicator) throws -> any Communicator {
        let placement = communicator.placement
        guard placement.rankAtPosition != Array(0..<communicator.size) else { return communicator }
        return try communicator.split(color: 0, key: placement.position)
    }
}

/// Ranks of one node use several instruction sets.
struct MixedInstructionSets: AgreedFailure, CustomStringConvertible, LocalizedError {
    /// The set of each of the node's ranks.
    let found: [String]
    let shouldReport: Bool

    var description: String {
        "sharing memory: expected one instruction set on all ranks of a node, found "
            + found.joined(separator: ", ")
    }
    var errorDescription: String? { description }
}
