import CollectivesTesting
import Collectives
import Foundation
import Synchronization
import Testing

/// What gives shared memory a name for a moment: one test after the other, since some look at all the names that this
/// process has made.
@Suite(.serialized) enum NamedMemoryTests {}

extension NamedMemoryTests {
    @Suite struct SharedRegionTests {
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
                    _ = try SharedRegion.ofProcesses(
                        on: communicator, byteCount: communicator.rank == 2 ? 8 : 9)
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
                _ = try ThreadCommunicator.run(size: 4, nodes: 2) {
                    _ = try $0.makeSharedRegion(byteCount: 8)
                }
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

        #if os(Linux)
        @Test("As long as an object has a name it is empty, and then it has none", arguments: [1, 3])
        func window(size: Int) throws {
            let seen = Sizes()
            _ = try ThreadCommunicator.run(size: size) { communicator in
                let watched = DelayedCommunicator(communicator) {
                    for name in SharedMemoryNames.left() {
                        var status = stat()
                        // Another rank may have removed it meanwhile.
                        if stat("/dev/shm/" + name, &status) == 0 {
                            seen.sizes.withLock { $0.append(status.st_size) }
                        }
                    }
                }
                let region = try SharedRegion.ofProcesses(on: watched, byteCount: 100_000)
                #expect(SharedMemoryNames.left() == [])
                #expect(region.descriptor == nil)
            }
            #expect(!seen.sizes.withLock { $0 }.isEmpty)
            #expect(seen.sizes.withLock { $0 }.allSatisfy { $0 == 0 })
        }

        @Test("What dead owners left is removed; what somebody holds, and what is not ours, stays")
        func leftovers() throws {
            let folder = FileManager.default.temporaryDirectory.appending(path: "shm-\(UUID().uuidString)")
                .path
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            func make(_ name: String, byteCount: Int = 0, age: Int = 0) throws {
                try Data(count: byteCount).write(to: URL(filePath: folder + "/" + name))
                var times = [
                    timespec(tv_sec: time(nil) - age, tv_nsec: 0),
                    timespec(tv_sec: time(nil) - age, tv_nsec: 0),
                ]
                #expect(utimensat(AT_FDCWD, folder + "/" + name, &times, 0) == 0)
            }
            try make("dp-train-17-badcafe")
            try make("dp-train-17-1")
            // Of a version that reserved memory under the name: one that has been dead for long, one that may be at work.
            try make("dp-train-18-2", byteCount: 5000, age: 100)
            let remaining = [
                "dp-train-18-3", "dp-train-19-4", "dp-train-x-4", "dp-train-17", "dp-train-17-xyz",
                "other-17-1",
            ]
            try make(remaining[0], byteCount: 5000)
            for name in remaining.dropFirst() { try make(name, age: 1000) }
            let link = "dp-train-20-5"
            try FileManager.default.createSymbolicLink(
                atPath: folder + "/" + link, withDestinationPath: remaining[5])
            #expect(mkfifo(folder + "/dp-train-21-6", 0o600) == 0)
            // Held, as the maker of an object does.
            let held = open(folder + "/" + remaining[1], O_RDWR)
            #expect(held >= 0 && flock(held, LOCK_EX) == 0)
            defer { close(held) }
            SharedMemoryLeftovers.clear(in: folder)
            let left = try FileManager.default.contentsOfDirectory(atPath: folder)
            #expect(left.sorted() == (remaining + [link, "dp-train-21-6"]).sorted())
        }
        #endif
    }
}

private final class Sizes: Sendable {
    let sizes = Mutex<[Int]>([])
}
