import Collectives
import Testing

@Suite struct StallWatchTests {
    /// Two ranks that do what a test says, looked at twice a second.
    private struct Node {
        var signs = [StallWatch.Signs(), StallWatch.Signs()]
        private var watch = StallWatch(count: 2)
        private var now = 100.0

        /// Lets time pass.
        ///
        /// - Parameters:
        ///   - seconds: How much.
        ///   - running: The ranks whose processes run.
        ///   - moving: Those that move.
        /// - Returns: Who was found to stand still, in the end, with a limit of 60 s.
        mutating func pass(_ seconds: Double, running: Set<Int> = [0, 1], moving: Set<Int> = []) -> [Int] {
            var stalled: [StallWatch.Rank] = []
            for _ in 0..<Int(seconds * 2) {
                now += 0.5
                for rank in running { signs[rank].looks += 1 }
                for rank in moving { signs[rank].moves += 1 }
                let signs = signs
                stalled = StallWatch.stalled(watch.look(at: now) { signs[$0] }, limit: 60, grace: 10)
            }
            return stalled.map(\.index)
        }

        /// Lets time pass in which nobody looks.
        mutating func sleep(_ seconds: Double) { now += seconds }
    }

    @Test func `A rank that neither waits nor moves is late after the limit, and not before`() {
        var node = Node()
        node.signs[1].waits = true
        #expect(node.pass(60) == [])
        #expect(node.pass(1) == [0])
        node.signs[0].words += 1
        #expect(node.pass(59) == [])
    }

    @Test func `A rank that waits is late only where its process does not run`() {
        var node = Node()
        node.signs = node.signs.map {
            var signs = $0; signs.waits = true; return signs
        }
        #expect(node.pass(65, running: [0]) == [1])
        var other = Node()
        other.signs[1].waits = true
        #expect(other.pass(65, moving: [0]) == [])
    }

    @Test func `A rank that computes or writes is never late, and those that wait for it are none`() {
        var node = Node()
        node.signs[1].waits = true
        #expect(node.pass(1000, moving: [0]) == [])
    }

    @Test func `Where all wait for somebody else they say so, a little later than whoever knows who that is`()
    {
        var node = Node()
        node.signs = node.signs.map {
            var signs = $0; signs.waits = true; return signs
        }
        #expect(node.pass(69) == [])
        #expect(node.pass(2) == [0, 1])
    }

    @Test func `After a time in which the watch did not run nobody is late at once`() {
        var node = Node()
        node.signs[1].waits = true
        #expect(node.pass(59) == [])
        node.sleep(3600)
        #expect(node.pass(59) == [])
        #expect(node.pass(3) == [0])
    }
}
