import Collectives
import CollectivesTesting
import Foundation
import Testing

/// Links of one process over its loopback interface.
@Suite struct NodeLinkTests {
    /// Links that know where the others are.
    private static func links(_ count: Int, ranksPerNode: Int = 2, tokens: [[UInt64]]? = nil) throws
        -> [NodeLink]
    {
        let nodes = (0..<count).map { node in
            NodeStanding(
                node: node, host: "h\(node)",
                ranks: (0..<ranksPerNode).map { RankStanding(rank: node * ranksPerNode + $0) })
        }
        let links = try (0..<count).map { node in
            try #require(NodeLink(node: node, of: nodes, token: tokens?[node] ?? [11, 22]))
        }
        let names = links.map { $0.names(loopback: true) }
        try #require(!names[0].isEmpty)
        for link in links { link.connect(names) }
        return links
    }

    private static func standing(_ rank: Int, step: Int = 0, seconds: Double = 0) -> RankStanding {
        var standing = RankStanding(rank: rank)
        (standing.process, standing.activity, standing.step) = (70_000 + Int32(rank), .evaluating, step)
        (standing.waits, standing.runs, standing.seconds) = (rank % 2 == 0, rank % 3 != 0, seconds)
        return standing
    }

    /// Waits until a link has heard what it is to hear, which over the loopback interface is at once.
    private static func listen(_ link: NodeLink, at now: Double, until isDone: () -> Bool) {
        for _ in 0..<2000 where !isDone() {
            link.listen(at: now)
            usleep(1000)
        }
    }

    @Test func `What a node tells of its ranks is what the others hear, however many there are`() throws {
        // More than go into one datagram.
        let links = try Self.links(3, ranksPerNode: 90)
        let told = (90..<180).map { Self.standing($0, step: 1_000_000 + $0, seconds: Double($0) / 8) }
        for link in links { link.listen(at: 0) }
        links[1].tell(told, at: 0)
        for hearer in [0, 2] {
            func heard() -> NodeStanding? { links[hearer].standings(at: 0).first { $0.node == 1 } }
            Self.listen(links[hearer], at: 0) { heard()?.ranks == told }
            #expect(heard()?.ranks == told && heard()?.host == "h1" && heard()?.hasLeft == false)
            #expect(links[hearer].unheard == (hearer == 0 ? [2] : [0]))
        }
    }

    @Test func `The time since a node was heard counts to that for which its ranks have stood still`() throws
    {
        let links = try Self.links(2)
        for link in links { link.listen(at: 100) }
        links[1].tell([Self.standing(2, seconds: 4), Self.standing(3)], at: 5000)
        Self.listen(links[0], at: 101) { links[0].unheard.isEmpty }
        for second in 102...109 { links[0].listen(at: Double(second)) }
        let found = try #require(links[0].standings(at: 109).first)
        #expect(found.silence == 8 && found.ranks.map(\.seconds) == [12, 8])
        // Who has not looked for long knows nothing of what he has missed.
        links[0].listen(at: 200)
        #expect(links[0].standings(at: 200).first?.silence == 0)
    }

    @Test func `Nobody else is believed: not without the run's number, nor with bytes that are none`() throws
    {
        let links = try Self.links(3, tokens: [[11, 22], [11, 23], [11, 22]])
        for link in links { link.listen(at: 0) }
        links[1].tell([Self.standing(2), Self.standing(3)], at: 0)
        // More ranks than the node has.
        links[2].tell((4..<7).map { Self.standing($0) }, at: 0)
        usleep(50_000)
        links[0].listen(at: 0)
        #expect(links[0].unheard == [1, 2])
        links[2].tell([Self.standing(4), Self.standing(5)], hasLeft: true, at: 0)
        Self.listen(links[0], at: 0) { links[0].unheard == [1] }
        #expect(links[0].unheard == [1] && links[0].standings(at: 0).last?.hasLeft == true)
    }

    @Test func `Nodes find one another through a collective, each its leader, and share what they know`()
        throws
    {
        let found = try ThreadCommunicator.run(size: 5, nodes: 3) { communicator -> (Bool, [String], [Int]) in
            let (link, gaps) = try NodeLink.joining(communicator)
            // Of an interface that reaches none of the others' ports there would be a gap.
            return (link != nil, gaps, link?.unheard ?? [])
        }
        #expect(found.allSatisfy { $0.1.isEmpty && $0.2.isEmpty }, "\(found)")
        #expect(found.filter(\.0).count == 3)
    }
}
