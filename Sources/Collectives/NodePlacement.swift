#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// Where a rank runs: a *node* is a set of ranks that can share memory, usually one machine.
public struct NodePlacement: Sendable, Equatable {
    /// This rank's index among the ranks of its node, in 0 ..< `localSize`, in the order of their ranks.
    public let localRank: Int
    /// How many ranks run on this node.
    public let localSize: Int
    /// This node's index, in 0 ..< `nodeCount`; nodes are ordered by the lowest rank on each.
    public let nodeIndex: Int
    /// How many nodes the communicator spans.
    public let nodeCount: Int
    /// The host name of each node, `nodeCount` of them; two nodes (containers, say) may bear the same name.
    public let hostNames: [String]

    /// A placement of the given position.
    public init(localRank: Int, localSize: Int, nodeIndex: Int, nodeCount: Int, hostNames: [String]) {
        self.localRank = localRank
        self.localSize = localSize
        self.nodeIndex = nodeIndex
        self.nodeCount = nodeCount
        self.hostNames = hostNames
    }

    /// The placement of a process on its own.
    public static var alone: NodePlacement {
        NodePlacement(localRank: 0, localSize: 1, nodeIndex: 0, nodeCount: 1, hostNames: [currentHostName])
    }

    /// The name of this machine as gethostname(2) gives it: unlike a lookup in the domain name system it cannot
    /// wait for a network.
    static var currentHostName: String {
        var name = [CChar](repeating: 0, count: 257)
        guard gethostname(&name, 256) == 0 else { return "localhost" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
