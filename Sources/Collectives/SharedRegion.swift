internal import CSharedMemory
internal import Foundation

/// Memory that all ranks of one node see: what one writes, the others read, once a ``NodeBarrier`` stands between.
///
/// It is made by ``Communicator/makeSharedRegion(byteCount:)``, begins as zeroes and lives as long as one rank holds on
/// to it. Nothing of it is left when the processes are gone, however they ended.
public final class SharedRegion: @unchecked Sendable {
    /// The size that was asked for.
    public let byteCount: Int
    /// The first byte, at the start of a page. Valid as long as this object.
    public let base: UnsafeMutableRawPointer

    private init(byteCount: Int, base: UnsafeMutableRawPointer) {
        self.byteCount = byteCount
        self.base = base
    }

    deinit {
        _ = dp_shm_unmap(base, Self.mappedByteCount(byteCount))
    }

    /// A region of this process alone, which its threads may share.
    ///
    /// - Throws: ``SharedMemoryError``.
    package static func ofThisProcess(byteCount: Int) throws -> SharedRegion {
        try mapping(byteCount: byteCount, operation: "mapping") { dp_shm_map_private($0, $1) }
    }

    /// A region under a name that other processes can open until it is removed.
    private static func creating(name: String, byteCount: Int) throws -> SharedRegion {
        try mapping(byteCount: byteCount, operation: "creating \(name)") { dp_shm_create(name, $0, $1) }
    }

    private static func opening(name: String, byteCount: Int) throws -> SharedRegion {
        try mapping(byteCount: byteCount, operation: "opening \(name)") { dp_shm_open(name, $0, $1) }
    }

    /// An empty mapping is not possible.
    private static func mappedByteCount(_ byteCount: Int) -> Int { max(byteCount, 1) }

    private static func mapping(
        byteCount: Int, operation: String,
        _ map: (Int, UnsafeMutablePointer<UnsafeMutableRawPointer?>) -> Int32
    ) throws -> SharedRegion {
        var base: UnsafeMutableRawPointer?
        let code = byteCount < 0 ? EINVAL : map(mappedByteCount(byteCount), &base)
        guard code == 0, let base else {
            throw SharedMemoryError(operation: operation, byteCount: byteCount, code: code)
        }
        return SharedRegion(byteCount: byteCount, base: base)
    }

    /// A region of processes that share a node. Collective: every rank must call it, with the same size.
    ///
    /// Rank 0 creates it under a random name. As soon as all ranks have mapped it, each of them removes the
    /// name, so that it is gone when one returns, whichever rank is killed meanwhile.
    ///
    /// - Throws: On all ranks or on none: ``SharedMemoryError``, as ``Communicator/agree(on:_:)`` throws it, or the
    ///   communicator's error.
    package static func ofProcesses(
        on communicator: any Communicator, byteCount: Int
    ) throws -> SharedRegion {
        let step = "sharing memory within a node"
        // Short enough for macOS, which allows 31 characters.
        let suffix = String(UInt32.random(in: 0 ... .max), radix: 16)
        let ownName = "/dp-train-\(ProcessInfo.processInfo.processIdentifier)-\(suffix)"
        let created = try communicator.agree(on: step) {
            communicator.rank == 0 ? try creating(name: ownName, byteCount: byteCount) : nil
        }
        defer { if created != nil { _ = dp_shm_unlink(ownName) } }
        let name = try communicator.broadcast(text: ownName, root: 0)
        defer { _ = dp_shm_unlink(name) }
        let byteCountOfCreator = Int(try communicator.broadcast(Int64(byteCount), root: 0))
        return try communicator.agree(on: step) {
            guard byteCount == byteCountOfCreator else {
                throw SharedMemoryError(
                    operation: "opening \(name)", byteCount: byteCount,
                    reason: "rank 0 has created \(byteCountOfCreator)")
            }
            return try created ?? opening(name: name, byteCount: byteCount)
        }
    }
}

extension Communicator {
    /// Checks that the ranks can share memory at all.
    ///
    /// - Throws: ``SharedMemoryError``, on all ranks.
    package func checkSharing(byteCount: Int) throws {
        guard placement.nodeCount == 1 else {
            throw SharedMemoryError(
                operation: "sharing memory within a node", byteCount: byteCount,
                reason: "the \(size) ranks run on \(placement.nodeCount) nodes")
        }
    }
}
