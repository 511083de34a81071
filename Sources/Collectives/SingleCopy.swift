internal import CSystemCalls
internal import Foundation

/// Whether the ranks of a node may read one another's memory, which lets an MPI library copy a message within the node once
/// instead of twice. Shared memory needs no such right.
package enum SingleCopy: Equatable, Sendable {
    /// This rank may read that of the next rank on its node.
    case allowed
    /// It may not; the system's words.
    case refused(String)
    /// There is no other rank on this node.
    case alone

    private static let token: UInt64 = 0x6470_2d74_7261_696e

    /// Has each rank try it with the next one of its node. Collective: every rank must call it.
    ///
    /// - Throws: The communicator's error.
    package static func attempt(over communicator: any Communicator) throws -> SingleCopy {
        let own = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
        defer { own.deallocate() }
        own.initialize(to: token)
        let process = UInt64(UInt32(bitPattern: ProcessInfo.processInfo.processIdentifier))
        let all = try communicator.allgather([process, UInt64(UInt(bitPattern: own))])
        let placement = communicator.placement
        let ranks = placement.nodeOfRank.indices.filter {
            placement.nodeOfRank[$0] == placement.nodeIndex
        }
        let next = ranks[(placement.localRank + 1) % ranks.count]
        var value: UInt64 = 0
        let code =
            ranks.count == 1
            ? 0 : dp_process_read(Int32(bitPattern: UInt32(all[2 * next])), all[2 * next + 1], &value)
        // Nobody lets go of what another still reads.
        try communicator.barrier()
        if ranks.count == 1 { return .alone }
        guard code == 0 else { return .refused(String(cString: strerror(code))) }
        return value == token ? .allowed : .refused("it reads another number than was written")
    }
}
