internal import CSystemCalls
public import Foundation

/// Memory that all ranks of one node see: what one writes, the others read, once a ``NodeBarrier`` stands between.
///
/// It is made by ``Communicator/makeSharedRegion(byteCount:)``, begins as zeroes and lives as long as one rank holds on
/// to it. Nothing of it is left when the processes are gone, however they ended: its memory never has a name. What can be
/// left is an empty name, of a process killed in the moment in which its ranks open it; the next run removes that.
public final class SharedRegion: @unchecked Sendable {
    /// The size that was asked for.
    public let byteCount: Int
    /// The first byte, at the start of a page. Valid as long as this object.
    public let base: UnsafeMutableRawPointer

    /// Where somebody else holds on to the object, too, to see who does.
    private let object: SharedObject?

    private init(byteCount: Int, base: UnsafeMutableRawPointer, object: SharedObject? = nil) {
        self.byteCount = byteCount
        self.base = base
        self.object = object
    }

    /// The open object; nil where it has been closed or never was one.
    package var descriptor: Int32? { object?.descriptor }

    deinit {
        _ = dp_shm_unmap(base, Self.mappedByteCount(byteCount))
    }

    /// A region of this process alone, which its threads may share.
    ///
    /// - Throws: ``SharedMemoryError``.
    package static func ofThisProcess(byteCount: Int) throws -> SharedRegion {
        try mapping(byteCount: byteCount, operation: "mapping") { dp_shm_map_private($0, $1) }
    }

    /// An empty mapping is not possible.
    fileprivate static func mappedByteCount(_ byteCount: Int) -> Int { max(byteCount, 1) }

    private static func mapping(
        byteCount: Int, operation: String, keeping object: SharedObject? = nil,
        _ map: (Int, UnsafeMutablePointer<UnsafeMutableRawPointer?>) -> Int32
    ) throws -> SharedRegion {
        var base: UnsafeMutableRawPointer?
        let code = byteCount < 0 ? EINVAL : map(mappedByteCount(byteCount), &base)
        guard code == 0, let base else {
            throw SharedMemoryError(operation: operation, byteCount: byteCount, code: code)
        }
        return SharedRegion(byteCount: byteCount, base: base, object: object)
    }

    /// A region of processes that share a node. Collective: every rank must call it, with the same size.
    ///
    /// Rank 0 creates an empty object under a random name. As soon as all ranks have opened it, each of them removes the
    /// name, and only then is memory reserved and mapped, whichever rank is killed meanwhile.
    ///
    /// - Parameters:
    ///   - communicator: The ranks.
    ///   - byteCount: The size.
    ///   - keepsDescriptor: Whether the object stays open in every rank, as ``descriptor``.
    /// - Throws: On all ranks or on none: ``SharedMemoryError``, as ``Communicator/agree(on:_:)`` throws it, or the
    ///   communicator's error.
    package static func ofProcesses(
        on communicator: any Communicator, byteCount: Int, keepsDescriptor: Bool = false
    ) throws -> SharedRegion {
        let step = "sharing memory within a node"
        let isMaker = communicator.rank == 0
        let created = try communicator.agree(on: step) {
            isMaker ? try SharedObject.creating(byteCount: byteCount) : nil
        }
        defer { created?.removeName() }
        let name = try communicator.broadcast(text: created?.name ?? "", root: 0)
        let object = try communicator.agree(on: step) {
            try created ?? SharedObject.opening(name: name, byteCount: byteCount)
        }
        object.removeName()
        let byteCountOfCreator = Int(try communicator.broadcast(Int64(byteCount), root: 0))
        try communicator.agree(on: step) {
            guard byteCount == byteCountOfCreator else {
                throw SharedMemoryError(
                    operation: "opening \(name)", byteCount: byteCount,
                    reason: "rank 0 has created \(byteCountOfCreator)")
            }
            if isMaker { try object.reserve(byteCount) }
        }
        return try communicator.agree(on: step) {
            try mapping(
                byteCount: byteCount, operation: "mapping \(name)", keeping: keepsDescriptor ? object : nil
            ) { dp_shm_map(object.descriptor, $0, $1) }
        }
    }
}

/// An open shared memory object, which is closed with its owner.
private final class SharedObject: Sendable {
    let name: String
    let descriptor: Int32

    private init(name: String, descriptor: Int32) {
        (self.name, self.descriptor) = (name, descriptor)
    }

    deinit { dp_shm_close(descriptor) }

    /// An empty object under a name of its own, once this process has removed those that nobody owns any more.
    static func creating(byteCount: Int) throws(SharedMemoryError) -> SharedObject {
        SharedMemoryLeftovers.clearOnce()
        var descriptor: Int32 = -1
        while true {
            // Short enough for macOS, which allows 31 characters.
            let suffix = String(UInt32.random(in: 0 ... .max), radix: 16)
            let name = "\(SharedMemoryLeftovers.prefix)\(ProcessInfo.processInfo.processIdentifier)-\(suffix)"
            let code = dp_shm_create("/" + name, &descriptor)
            if code == 0 { return SharedObject(name: "/" + name, descriptor: descriptor) }
            guard code == EEXIST else {
                throw SharedMemoryError(operation: "creating /\(name)", byteCount: byteCount, code: code)
            }
        }
    }

    static func opening(name: String, byteCount: Int) throws(SharedMemoryError) -> SharedObject {
        var descriptor: Int32 = -1
        let code = dp_shm_open(name, &descriptor)
        guard code == 0 else {
            throw SharedMemoryError(operation: "opening \(name)", byteCount: byteCount, code: code)
        }
        return SharedObject(name: name, descriptor: descriptor)
    }

    /// Reserves memory, all zeroes.
    func reserve(_ byteCount: Int) throws(SharedMemoryError) {
        let code =
            byteCount < 0 ? EINVAL : dp_shm_reserve(descriptor, SharedRegion.mappedByteCount(byteCount))
        guard code == 0 else {
            throw SharedMemoryError(operation: "reserving \(name)", byteCount: byteCount, code: code)
        }
    }

    func removeName() { _ = dp_shm_unlink(name) }
}

/// Names of shared memory objects whose owners were killed before they could remove them.
package enum SharedMemoryLeftovers {
    static let prefix = "dp-train-"

    /// An object is empty as long as it has a name, and its owner holds a lock. Earlier versions did neither, for the
    /// seconds in which they reserved memory: what is older than this many seconds is not one of theirs at work.
    private static let filledAge: Int64 = 60

    private static let cleared: Void = clear(in: "/dev/shm")

    /// Removes them, the first time in this process.
    static func clearOnce() { _ = cleared }

    /// Removes the files in a folder that have such a name, belong to this user and have no living owner.
    package static func clear(in folder: String) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        for name in names where isOurs(name) { _ = dp_shm_clear(folder + "/" + name, filledAge) }
    }

    /// Whether the name is the prefix, a process number and a random number.
    private static func isOurs(_ name: String) -> Bool {
        guard name.hasPrefix(prefix) else { return false }
        let parts = name.dropFirst(prefix.count).split(separator: "-", omittingEmptySubsequences: false)
        return parts.count == 2 && Int32(parts[0]) != nil && UInt32(parts[1], radix: 16) != nil
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

/// Memory that the ranks of a node were to share and that the system does not give.
public struct SharedMemoryError: Error, Equatable, CustomStringConvertible, LocalizedError {
    /// What was being done, such as `creating /dp-train-17-0badcafe`.
    public let operation: String
    /// How much memory was wanted.
    public let byteCount: Int
    /// Why not, in the system's words.
    public let reason: String

    /// An error of an operation.
    public init(operation: String, byteCount: Int, reason: String) {
        self.operation = operation
        self.byteCount = byteCount
        self.reason = reason
    }

    /// An error of a system call.
    init(operation: String, byteCount: Int, code: Int32) {
        self.init(operation: operation, byteCount: byteCount, reason: String(cString: strerror(code)))
    }

    /// One line: `creating /dp-train-17-0badcafe: cannot have 1,234,567 bytes of shared memory: No space left
    /// on device`.
    public var description: String {
        "\(operation): cannot have \(grouped) bytes of shared memory: \(reason)"
    }

    /// The same as ``description``.
    public var errorDescription: String? { description }

    /// The number of bytes with a comma before every three digits.
    private var grouped: String {
        let digits = Array(String(byteCount.magnitude))
        let parts = stride(from: digits.count, to: 0, by: -3).map { String(digits[max($0 - 3, 0)..<$0]) }
        return (byteCount < 0 ? "-" : "") + parts.reversed().joined(separator: ",")
    }
}

extension Error {
    /// Whether this is a ``SharedMemoryError``, or the agreed failure of ranks of which the first one met such an error.
    public var isSharedMemoryError: Bool {
        switch self {
        case is SharedMemoryError: true
        case let failure as RankFailure: failure.underlying.isSharedMemoryError
        case let failure as FailureElsewhere: failure.isSharedMemoryError
        default: false
        }
    }
}
