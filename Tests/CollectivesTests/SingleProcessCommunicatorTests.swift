import Collectives
import Testing

@Suite struct SingleProcessCommunicatorTests {
    private let communicator: any Communicator = SingleProcessCommunicator()

    @Test("It is rank 0 of 1 on one node")
    func identity() {
        #expect(communicator.rank == 0)
        #expect(communicator.size == 1)
        #expect(communicator.implementation == "single process")
        #expect(communicator.placement == .alone)
        #expect(communicator.placement.hostNames.count == 1)
        #expect(communicator.placement.hostNames.first?.isEmpty == false)
    }

    @Test("Collectives leave this rank's values as they are")
    func collectives() throws {
        try communicator.barrier()
        try communicator.idleBarrier()
        var values: [Float] = [1, 2, 3]
        try communicator.broadcast(&values, root: 0)
        try communicator.allreduce(&values, .sum)
        #expect(values == [1, 2, 3])
        #expect(try communicator.allgather(values) == values)
        #expect(try communicator.allgather([Double]()) == [])
        #expect(try communicator.allgather(bytes: [7, 8]) == [[7, 8]])
        #expect(try communicator.broadcast(text: "text", root: 0) == "text")
    }

    @Test("A root that does not exist is refused", arguments: [-1, 1])
    func root(root: Int) {
        #expect(throws: CollectiveArgumentError.noSuchRoot(operation: "broadcast", root: root, size: 1)) {
            _ = try communicator.broadcast(Float(1), root: root)
        }
    }

    @Test("A step's own error is thrown as it is")
    func agreement() throws {
        struct Failure: Error, Equatable {}
        #expect(throws: Failure()) { try communicator.agree(on: "reading") { throw Failure() } }
        #expect(try communicator.agree(on: "reading") { 5 } == 5)
        #expect(Failure().shouldReport)
    }
}
