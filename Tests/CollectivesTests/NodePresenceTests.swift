import CollectivesTesting
import Collectives
import Foundation
import Synchronization
import Testing

extension NamedMemoryTests {
    /// Threads take the place of processes: what one holds open by itself, the others see.
    @Suite struct NodePresenceTests {
        /// Ranks of a process that share memory as processes do, and know who lives.
        private final class Node: ForwardingCommunicator, @unchecked Sendable {
            private let known: NodePresence?

            init(knownTo base: any Communicator) throws {
                known = try NodePresence(
                    base, ranks: (0..<base.size).map { 10 + $0 }, hostName: "here")
                super.init(base)
            }

            override var presence: NodePresence? { known }

            /// Does with the shared object what the end of a process does.
            func end() throws {
                let region = try #require(presence?.region)
                let descriptor = try #require(region.descriptor)
                // In its place, so that it can be let go of once more.
                let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED
                #expect(
                    mmap(region.base, region.byteCount, PROT_READ | PROT_WRITE, flags, -1, 0) == region.base)
                let nothing = open("/dev/null", O_RDWR)
                #expect(nothing >= 0 && dup2(nothing, descriptor) == descriptor)
                close(nothing)
            }
        }

        #if os(Linux)
        @Test(
            "A rank that has ended is named by those who wait for it at a barrier, and one of them reports it"
        )
        func lost() throws {
            let speakers = Atomic(0)
            let errors = try ThreadCommunicator.run(size: 4) { communicator -> NodeRankLost? in
                let node = try Node(knownTo: communicator)
                let barrier = try NodeBarrier(node)
                try barrier.wait()
                #expect(throws: Never.self) { try node.presence?.check() }
                try communicator.barrier()
                if node.rank == 2 { try node.end() }
                var error: NodeRankLost?
                if node.rank != 2 {
                    error = #expect(throws: NodeRankLost.self) { try barrier.wait() }
                    if node.presence?.claimReport() == true { speakers.add(1, ordering: .relaxed) }
                }
                try communicator.barrier()
                return withExtendedLifetime((node, barrier)) { error }
            }
            #expect(errors[2] == nil)
            let found = [errors[0], errors[1], errors[3]].compactMap(\.self)
            #expect(found.count == 3)
            #expect(found.allSatisfy { $0.rank == 12 && $0.host == "here" && $0.process == getpid() })
            #expect(speakers.load(ordering: .relaxed) == 1)
            #expect(
                "\(found)".contains(
                    "rank 12 on here (process \(getpid())) has ended while others waited for it"))
        }

        @Test("A rank that is merely late, or has left, is not missed")
        func late() throws {
            _ = try ThreadCommunicator.run(size: 3) { communicator in
                let node = try Node(knownTo: communicator)
                let barrier = try NodeBarrier(node)
                // Longer than a sleeper sleeps.
                if node.rank == 1 { Thread.sleep(forTimeInterval: 0.35) }
                try barrier.wait()
                if node.rank == 0 {
                    node.presence?.leave()
                    try node.end()
                }
                try communicator.barrier()
                if node.rank != 0 { try node.presence?.check() }
                try communicator.barrier()
                withExtendedLifetime(node) {}
            }
        }

        @Test("A rank that ends when all have come is not missed at that barrier by one that has not seen it")
        func completed() throws {
            _ = try ThreadCommunicator.run(size: 3) { communicator in
                let node = try Node(knownTo: communicator)
                let barrier = try NodeBarrier(node)
                if node.rank == 1 {
                    try barrier.wait()
                    try node.end()
                } else {
                    // The others fall asleep before rank 2 comes; whoever wakes up later finds rank 1 gone.
                    if node.rank == 2 { Thread.sleep(forTimeInterval: 0.25) }
                    try barrier.wait()
                }
                try communicator.barrier()
                withExtendedLifetime((node, barrier)) {}
            }
        }

        @Test("Whoever waits where nobody looks is told, too, though another thread of its process knows")
        func watch() throws {
            let told = try ThreadCommunicator.run(size: 2) { communicator -> Bool in
                let node = try Node(knownTo: communicator)
                let done = DispatchSemaphore(value: 0)
                if node.rank == 0 { node.presence?.watch { _ in done.signal() } }
                try communicator.barrier()
                if node.rank == 1 { try node.end() }
                // Not for half a minute, as a rank has that is about to tell it by itself.
                if node.rank == 0 {
                    while (try? node.presence?.check()) != nil { Thread.sleep(forTimeInterval: 0.01) }
                }
                let isTold = node.rank == 1 || done.wait(timeout: .now() + 25) == .success
                try communicator.barrier()
                return withExtendedLifetime(node) { isTold }
            }
            #expect(told == [true, true])
        }
        #endif
    }
}
