#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// Where a rank runs: a *node* is a set of ranks that can share memory, usually one machine.
///
/// Besides their ranks, the ranks have *positions*: 0, 1, … in the order of their nodes and, within a node, of their
/// ranks. Both are the same where a launcher fills one node after the other.
public struct NodePlacement: Sendable, Equatable {
    /// This rank's index among the ranks of its node, in 0 ..< `localSize`, in the order of their ranks.
    public let localRank: Int
    /// This node's index, in 0 ..< `nodeCount`; nodes are ordered by the lowest rank on each.
    public let nodeIndex: Int
    /// How many ranks run on each node, `nodeCount` of them.
    public let localSizes: [Int]
    /// The node index of each rank.
    public let nodeOfRank: [Int]
    /// The rank that stands at each position.
    public let rankAtPosition: [Int]
    /// This rank's position.
    public let position: Int
    /// The host name of each node, `nodeCount` of them; two nodes (containers, say) may bear the same name.
    public let hostNames: [String]

    /// How many ranks run on this node.
    public var localSize: Int { localSizes[nodeIndex] }
    /// How many nodes the communicator spans.
    public var nodeCount: Int { localSizes.count }

    /// The placement of a rank, from what is known of each rank.
    ///
    /// - Parameters:
    ///   - rank: The rank that is placed.
    ///   - nodes: A number for the node of each rank: equal where two ranks share a node, and otherwise arbitrary.
    ///   - hostNames: The host name of each rank's node.
    public init(rank: Int, nodes: [Int], hostNames: [String]) {
        precondition(nodes.indices.contains(rank) && nodes.count == hostNames.count, "one node for each rank")
        var indices: [Int: Int] = [:]
        for node in nodes where indices[node] == nil { indices[node] = indices.count }
        let nodeOfRank = nodes.map { indices[$0, default: 0] }
        let ranksOfNodes = (0..<indices.count).map { node in
            nodeOfRank.indices.filter { nodeOfRank[$0] == node }
        }
        let nodeIndex = nodeOfRank[rank]
        let localRank = ranksOfNodes[nodeIndex].firstIndex(of: rank) ?? 0
        self.nodeOfRank = nodeOfRank
        self.nodeIndex = nodeIndex
        self.localRank = localRank
        localSizes = ranksOfNodes.map(\.count)
        rankAtPosition = ranksOfNodes.flatMap(\.self)
        position = localSizes[..<nodeIndex].reduce(0, +) + localRank
        self.hostNames = ranksOfNodes.map { hostNames[$0[0]] }
    }

    /// The placement of a process on its own.
    public static var alone: NodePlacement {
        NodePlacement(rank: 0, nodes: [0], hostNames: [currentHostName])
    }

    /// The placement of a rank in a communicator of some of the ranks.
    ///
    /// - Parameters:
    ///   - rank: The rank in the new communicator.
    ///   - members: The present rank of each rank of the new communicator.
    package func among(members: [Int], rank: Int) -> NodePlacement {
        let nodes = members.map { nodeOfRank[$0] }
        return NodePlacement(rank: rank, nodes: nodes, hostNames: nodes.map { hostNames[$0] })
    }

    /// The name of this machine as gethostname(2) gives it: unlike a lookup in the domain name system it cannot
    /// wait for a network.
    static var currentHostName: String {
        var name = [CChar](repeating: 0, count: 257)
        guard gethostname(&name, 256) == 0 else { return "localhost" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
