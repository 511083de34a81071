import Collectives
import Testing

@Suite struct StallWatchTests {
    /// Two ranks that do what a test says, looked at twice a second.
    private struct Node {
        var signs = [StallWatch.Signs(), StallWatch.Signs()]
        private var watch = StallWatch(ranks: [0, 1], processes: [100, 101])
        private var now = 100.0

        /// Lets time pass.
        ///
        /// - Parameters:
        ///   - seconds: How much.
        ///   - running: The ranks whose processes run.
        ///   - moving: Those that move.
        /// - Returns: What was said in the end, with a limit of 60 s.
        mutating func pass(
            _ seconds: Double, running: Set<Int> = [0, 1], moving: Set<Int> = []
        ) -> String? {
            var error: RunStalled?
            for _ in 0..<Int(seconds * 2) {
                now += 0.5
                for rank in running { signs[rank].looks += 1 }
                for rank in moving { signs[rank].moves += 1 }
                let signs = signs
                let own = NodeStanding(node: 0, host: "here", ranks: watch.look(at: now) { signs[$0] })
                error = RunStalled.found(own, .unknown, limit: 60)
            }
            return error?.description
        }

        /// Lets time pass in which nobody looks.
        mutating func sleep(_ seconds: Double) { now += seconds }

        mutating func letAllWait() {
            signs = signs.map {
                var signs = $0; signs.waits = true; return signs
            }
        }
    }

    @Test func `A rank that neither waits nor moves is late after the limit, and not before`() {
        var node = Node()
        node.signs[1].waits = true
        #expect(node.pass(60) == nil)
        #expect(
            node.pass(1)
                == "expected all ranks to move within 60 s (--stall-timeout), found rank 0 on here (process 100), starting, since 60 s; rank 1 on here: waiting, starting"
        )
        node.signs[0].words += 1
        #expect(node.pass(59) == nil)
    }

    @Test func `A rank that waits is late only where its process does not run`() {
        var node = Node()
        node.letAllWait()
        let error = node.pass(65, running: [0])
        #expect(
            error?.contains("found rank 1 on here (process 101), starting, whose process does not run")
                == true)
        var other = Node()
        other.signs[1].waits = true
        #expect(other.pass(65, moving: [0]) == nil)
    }

    @Test func `A rank that computes or writes is never late, and those that wait for it are none`() {
        var node = Node()
        node.signs[1].waits = true
        #expect(node.pass(1000, moving: [0]) == nil)
    }

    @Test func `Where all wait for somebody else they say so, a little later than whoever knows who that is`()
    {
        var node = Node()
        node.letAllWait()
        #expect(node.pass(69) == nil)
        #expect(node.pass(2)?.contains("that all ranks of this host wait for others: rank 0 on") == true)
    }

    @Test func `After a time in which the watch did not run nobody is late at once`() {
        var node = Node()
        node.signs[1].waits = true
        #expect(node.pass(59) == nil)
        node.sleep(3600)
        #expect(node.pass(59) == nil)
        #expect(node.pass(3)?.contains("found rank 0 on here") == true)
    }

    // MARK: Several nodes

    /// How two nodes stand of which one has waited for so long, and says what is wrong.
    private static func verdict(
        waiting seconds: Double, node: Int = 0, _ other: (inout NodeStanding) -> Void,
        third: NodeStanding? = nil
    ) -> String? {
        func rank(_ number: Int) -> RankStanding {
            var rank = RankStanding(rank: number)
            (rank.process, rank.activity, rank.step) = (100 + Int32(number), .exchanging, 7)
            (rank.waits, rank.seconds) = (true, seconds)
            return rank
        }
        let own = NodeStanding(node: node, host: "h\(node)", ranks: [rank(2 * node), rank(2 * node + 1)])
        var another = NodeStanding(
            node: 1 - node, host: "h\(1 - node)", ranks: [rank(2 - 2 * node), rank(3 - 2 * node)])
        other(&another)
        return RunStalled.found(own, .heard([another] + (third.map { [$0] } ?? [])), limit: 60)?.description
    }

    @Test func `A rank of another node that moves is waited for, however long`() {
        #expect(Self.verdict(waiting: 3600) { $0.ranks[1].seconds = 0.5 } == nil)
        // Also where its last word was a while ago.
        #expect(
            Self.verdict(waiting: 3600) {
                $0.silence = 20
                $0.ranks[1].seconds = 21
            } == nil)
    }

    @Test func `A rank of another node that is late is named, when its own node has had the time to do so`()
        throws
    {
        let late: (inout NodeStanding) -> Void = { $0.ranks[1].waits = false }
        #expect(Self.verdict(waiting: 64, late) == nil)
        let error = try #require(Self.verdict(waiting: 66, late))
        #expect(error.contains("found rank 3 on h1 (process 103), exchanging after step 7, since 66 s; "))
        #expect(error.contains("; ranks 0, 1 on h0: waiting, exchanging after step 7; rank 2 on h1: waiting"))
        #expect(!error.contains("does not run"))
    }

    @Test func `A node of which nothing is heard is named by the first that is there, then by the others`()
        throws
    {
        let gone: (inout NodeStanding) -> Void = { $0.silence = 61.5 }
        // Another rank there could say why, if only its leader is stopped.
        #expect(Self.verdict(waiting: 64.5, gone) == nil)
        let error = try #require(Self.verdict(waiting: 65.5, gone))
        #expect(
            error.contains(
                "found nothing from host h1 since 62 s (rank 2, last heard of exchanging after step 7; rank 3, last heard of"
            ))
        #expect(error.contains("; ranks 0, 1 on h0: waiting"))
        // The first node is gone; the next one is the first that is there.
        #expect(Self.verdict(waiting: 65.5, node: 1, gone)?.contains("nothing from host h0") == true)
        var third = NodeStanding(node: 0, host: "h9", ranks: [])
        third.silence = 1
        // One before it is there, and speaks.
        #expect(Self.verdict(waiting: 69.5, node: 1, gone, third: third) == nil)
        #expect(Self.verdict(waiting: 70.5, node: 1, gone, third: third) != nil)
        // A rank on its own.
        let alone: (inout NodeStanding) -> Void = {
            $0.silence = 61.5
            $0.ranks.removeLast()
        }
        #expect(Self.verdict(waiting: 60.5, alone) == nil && Self.verdict(waiting: 61.5, alone) != nil)
    }

    @Test func `A node that is silent while this one moves, or that has left, is not missed`() {
        #expect(Self.verdict(waiting: 2) { $0.silence = 1000 } == nil)
        #expect(
            Self.verdict(waiting: 66) {
                $0.silence = 1000
                $0.hasLeft = true
            } == nil)
    }

    @Test func `Where all ranks of all nodes wait all are named`() throws {
        #expect(Self.verdict(waiting: 69) { _ in } == nil)
        let error = try #require(Self.verdict(waiting: 71) { _ in })
        #expect(error.contains("that all ranks wait for others: rank 0 on h0 (process 100)"))
        #expect(error.contains("rank 3 on h1 (process 103), exchanging after step 7, since 71 s"))
    }

    @Test func `A rank that hears no other node itself says nothing of them`() {
        var rank = RankStanding(rank: 1)
        (rank.waits, rank.seconds) = (true, 1000)
        let own = NodeStanding(node: 0, host: "h0", ranks: [rank])
        #expect(RunStalled.found(own, .heardElsewhere, limit: 60) == nil)
        #expect(RunStalled.found(own, .unknown, limit: 60) != nil)
    }
}
