import CollectiveTestSupport
import Collectives
import Foundation
import Testing

/// Serialised, since each test looks at all names that this process has made.
@Suite(.serialized) struct SharedRegionTests {
    private static let makers: [String: @Sendable (any Communicator, Int) throws -> SharedRegion] = [
        "one allocation": { try $0.makeSharedRegion(byteCount: $1) },
        "a mapping for each rank": { try SharedRegion.ofProcesses(on: $0, byteCount: $1) },
    ]

    @Test(
        "All ranks see the same memory, which begins as zeroes at the start of a page",
        arguments: makers.keys.sorted(), [1, 2, 5])
    func sharing(maker: String, size: Int) throws {
        let make = try #require(Self.makers[maker])
        let byteCount = 10_001
        let addresses = try ThreadCommunicator.run(size: size) { communicator in
            let region = try make(communicator, byteCount)
            #expect(SharedMemoryNames.left() == [])
            #expect(region.byteCount == byteCount)
            #expect(Int(bitPattern: region.base) % 4096 == 0)
            let bytes = UnsafeMutableRawBufferPointer(start: region.base, count: byteCount)
            #expect(bytes.allSatisfy { $0 == 0 })
            try communicator.barrier()
            bytes[byteCount - 1 - communicator.rank] = UInt8(communicator.rank + 1)
            try communicator.barrier()
            for rank in 0..<size { #expect(bytes[byteCount - 1 - rank] == UInt8(rank + 1)) }
            try communicator.barrier()
            return Int(bitPattern: region.base)
        }
        #expect(Set(addresses).count == (maker == "one allocation" ? 1 : size))
        #expect(SharedMemoryNames.left() == [])
    }

    @Test("An empty region can be had")
    func empty() throws {
        #expect(try SingleProcessCommunicator().makeSharedRegion(byteCount: 0).byteCount == 0)
        _ = try ThreadCommunicator.run(size: 2) { communicator in
            let region = try SharedRegion.ofProcesses(on: communicator, byteCount: 0)
            #expect(region.byteCount == 0)
        }
    }

    @Test(
        "A region that cannot be had is an error of all ranks, and leaves no name",
        arguments: makers.keys.sorted(), [1 << 50, -1])
    func refusal(maker: String, byteCount: Int) throws {
        let make = try #require(Self.makers[maker])
        let errors = try ThreadCommunicator.run(size: 3) { communicator in
            do {
                _ = try make(communicator, byteCount)
                return ["no error"]
            } catch {
                return ["\(error)", "\(type(of: error))"]
            }
        }
        #expect(errors.map(\.last) == ["RankFailure", "FailureElsewhere", "FailureElsewhere"])
        let size = byteCount < 0 ? "-1" : "1,125,899,906,842,624"
        for error in errors {
            #expect(error[0].contains("cannot have \(size) bytes of shared memory: "), "\(error[0])")
        }
        #expect(SharedMemoryNames.left() == [])
        #expect(throws: SharedMemoryError.self) {
            _ = try SingleProcessCommunicator().makeSharedRegion(byteCount: byteCount)
        }
    }

    @Test("Ranks that ask for different sizes all throw")
    func disagreement() throws {
        let messages = try ThreadCommunicator.run(size: 3) { communicator in
            do {
                _ = try SharedRegion.ofProcesses(on: communicator, byteCount: communicator.rank == 2 ? 8 : 9)
                return "no error"
            } catch {
                return "\(error)"
            }
        }
        #expect(messages.allSatisfy { $0.hasSuffix("bytes of shared memory: rank 0 has created 9") })
        #expect(SharedMemoryNames.left() == [])
    }

    @Test("Ranks of several nodes cannot share memory")
    func nodes() {
        #expect(throws: SharedMemoryError.self) {
            _ = try ThreadCommunicator.run(size: 4, nodes: 2) { _ = try $0.makeSharedRegion(byteCount: 8) }
        }
    }

    @Test("The message names the operation, the size and the reason")
    func message() {
        let error = SharedMemoryError(operation: "creating /x", byteCount: 1_234_567, reason: "No space")
        #expect("\(error)" == "creating /x: cannot have 1,234,567 bytes of shared memory: No space")
        #expect(
            "\(SharedMemoryError(operation: "o", byteCount: 123, reason: "r"))"
                == "o: cannot have 123 bytes of shared memory: r")
    }
}
