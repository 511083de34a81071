import Collectives
import Foundation
import Testing

@Suite struct ProcessorAffinityTests {
    @Test("This thread may use at least one processor, and no more than the node has")
    func counts() {
        #expect(ProcessorAffinity.processorsOfCurrentThread >= 1)
        #expect(ProcessorAffinity.processorsOfNode >= ProcessorAffinity.processorsOfCurrentThread)
        #expect(ProcessorAffinity.processorsOfNode <= ProcessInfo.processInfo.processorCount)
    }

    @Test("Within the body the thread may use all processors, and afterwards those that it could before")
    func body() {
        let before = ProcessorAffinity.ofCurrentThread
        let inside = ProcessorAffinity.withAffinityToAllProcessors {
            ProcessorAffinity.processorsOfCurrentThread
        }
        #expect(inside == ProcessorAffinity.processorsOfNode)
        #expect(ProcessorAffinity.ofCurrentThread == before)
    }

    @Test("An error of the body restores the binding, too")
    func failure() {
        struct Failure: Error {}
        let before = ProcessorAffinity.ofCurrentThread
        #expect(throws: Failure.self) {
            try ProcessorAffinity.withAffinityToAllProcessors { () throws(Failure) in throw Failure() }
        }
        #expect(ProcessorAffinity.ofCurrentThread == before)
    }

    #if os(Linux)
    @Test("The system says which processors there are")
    func known() throws {
        #expect(
            try #require(ProcessorAffinity.ofCurrentThread).count
                == ProcessorAffinity.processorsOfCurrentThread)
    }
    #endif
}
