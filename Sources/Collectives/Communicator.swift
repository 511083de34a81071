public import Foundation

/// A group of `size` processes, the *ranks*, that work together through collective operations (the terms are MPI's).
///
/// Collectives are matched by order: every rank must call the same collectives in the same order, with the same
/// counts, element types, operations and roots. A rank that leaves one out makes the others wait for ever, so a step
/// that can fail on one rank alone belongs into ``agree(on:_:)``.
///
/// A communicator's collectives must be called from one thread at a time.
public protocol Communicator: AnyObject, Sendable {
    /// This process's number, in 0 ..< `size`.
    var rank: Int { get }

    /// The number of ranks.
    var size: Int { get }

    /// The node on which this rank runs.
    var placement: NodePlacement { get }

    /// What carries the messages, for people to read, such as `single process` or `Open MPI 4.1.4`.
    var implementation: String { get }

    /// Who of this rank's node still takes part, where the ranks are processes and the system tells.
    var presence: NodePresence? { get }

    /// Whether several threads may call collectives at once, each those of another communicator.
    var allowsConcurrentCalls: Bool { get }

    /// Returns once every rank has called it. Collective: every rank must call it.
    ///
    /// - Throws: The communicator's error where the communication failed.
    func barrier() throws

    /// Returns once every rank has called it, and waits asleep, so that a late rank can use all processors meanwhile.
    /// Collective: every rank must call it.
    ///
    /// It returns up to a millisecond later than ``barrier()`` would.
    ///
    /// - Throws: The communicator's error where the communication failed.
    func idleBarrier() throws

    /// Copies the root's buffer into the buffers of all other ranks. Collective: every rank must call it, with
    /// buffers of the same count and with the same root.
    ///
    /// - Throws: The communicator's error where the communication failed or there is no such root.
    func broadcast<E: CollectiveElement>(_ buffer: UnsafeMutableBufferPointer<E>, root: Int) throws

    /// Replaces element i of every rank's buffer by the combination of the elements i of all ranks' buffers.
    /// Collective: every rank must call it, with buffers of the same count and with the same operation.
    ///
    /// Every rank receives the same bits.
    ///
    /// - Throws: The communicator's error where the communication failed.
    func allreduce<E: CollectiveElement>(
        _ buffer: UnsafeMutableBufferPointer<E>, _ operation: ReductionOperation) throws

    /// The same as ``allreduce(_:_:)``, but waits asleep, so that other threads of the rank can use all processors meanwhile.
    /// Collective: every rank must call it, with buffers of the same count and with the same operation.
    ///
    /// - Throws: As ``allreduce(_:_:)``.
    func idleAllreduce<E: CollectiveElement>(
        _ buffer: UnsafeMutableBufferPointer<E>, _ operation: ReductionOperation) throws

    /// Puts the contributions of all ranks one behind the other, in rank order, into every rank's result.
    /// Collective: every rank must call it, with contributions of the same count.
    ///
    /// - Parameters:
    ///   - contribution: This rank's elements; must not overlap `result`.
    ///   - result: Room for `size` times the elements of one contribution.
    /// - Throws: ``CollectiveArgumentError`` if the result has another count, or the communicator's error.
    func allgather<E: CollectiveElement>(
        _ contribution: UnsafeBufferPointer<E>, into result: UnsafeMutableBufferPointer<E>) throws

    /// Completes a buffer of which every rank has one segment: rank r's `counts[r]` elements, behind those of the ranks
    /// before it, are copied to all other ranks. Collective: every rank must call it, with the same counts.
    ///
    /// - Parameters:
    ///   - buffer: In place: this rank's segment goes in, all segments come out.
    ///   - counts: The elements of each rank's segment, which add up to the buffer's; may be 0.
    /// - Throws: ``CollectiveArgumentError`` if the counts do not fit, or the communicator's error.
    func allgather<E: CollectiveElement>(segmentsOf buffer: UnsafeMutableBufferPointer<E>, counts: [Int])
        throws

    /// The same as ``allgather(segmentsOf:counts:)``, but waits asleep, so that other threads of the rank can use all
    /// processors meanwhile. Collective: every rank must call it, with the same counts.
    ///
    /// - Throws: As ``allgather(segmentsOf:counts:)``.
    func idleAllgather<E: CollectiveElement>(
        segmentsOf buffer: UnsafeMutableBufferPointer<E>, counts: [Int]) throws

    /// The communicator of those ranks that pass the same color, ordered by their keys and, where these are equal, by
    /// their ranks here: the meaning of `MPI_Comm_split`. Collective: every rank must call it.
    ///
    /// What the new communicator takes may stay in use until the end of the run: split once and keep the result.
    ///
    /// - Parameters:
    ///   - color: Which group this rank joins; from 0 to 2³¹ − 1.
    ///   - key: Where it stands in the group; within 32 bits.
    /// - Throws: ``CollectiveArgumentError`` for a color or a key that cannot be, or the communicator's error.
    func split(color: Int, key: Int) throws -> any Communicator

    /// Zero-filled memory that all ranks of this communicator share, which have to run on one node. Collective: every
    /// rank must call it, with the same size.
    ///
    /// - Throws: ``SharedMemoryError`` where the system does not give that much or the ranks run on several nodes. All
    ///   ranks throw together, as ``agree(on:_:)`` does, or none. Or the communicator's error.
    func makeSharedRegion(byteCount: Int) throws -> SharedRegion

    /// A barrier of all ranks of this communicator, which have to run on one node. Collective: every rank must call it.
    ///
    /// - Throws: As ``makeSharedRegion(byteCount:)``.
    func makeNodeBarrier() throws -> NodeBarrier

    /// Ends all ranks at once, with the given exit code where the launcher passes it on. Not collective: any rank may
    /// call it at any time, after having said why.
    func abort(code: Int32) -> Never
}

extension Communicator {
    /// Nil: nobody can be lost alone.
    public var presence: NodePresence? { nil }

    /// A barrier in shared memory. Collective: every rank must call it.
    ///
    /// - Throws: As ``makeSharedRegion(byteCount:)``.
    public func makeNodeBarrier() throws -> NodeBarrier { try NodeBarrier(self) }

    /// False.
    public var allowsConcurrentCalls: Bool { false }

    /// ``allreduce(_:_:)`` itself, however it waits. Collective: every rank must call it.
    ///
    /// - Throws: As ``allreduce(_:_:)``.
    public func idleAllreduce<E: CollectiveElement>(
        _ buffer: UnsafeMutableBufferPointer<E>, _ operation: ReductionOperation
    ) throws {
        try allreduce(buffer, operation)
    }

    /// ``allgather(segmentsOf:counts:)`` itself, however it waits. Collective: every rank must call it.
    ///
    /// - Throws: As ``allgather(segmentsOf:counts:)``.
    public func idleAllgather<E: CollectiveElement>(
        segmentsOf buffer: UnsafeMutableBufferPointer<E>, counts: [Int]
    ) throws {
        try allgather(segmentsOf: buffer, counts: counts)
    }
}

/// An argument of a collective that cannot be right, found on the calling rank before anything is sent.
public enum CollectiveArgumentError: Error, Equatable, CustomStringConvertible, LocalizedError {
    /// A root that is not in 0 ..< size.
    case noSuchRoot(operation: String, root: Int, size: Int)
    /// A buffer for a collective's result that has the wrong number of elements.
    case wrongCount(operation: String, expected: Int, found: Int)
    /// A size of a communicator that is not positive, or that its nodes do not fit.
    case invalidSize(operation: String, size: Int)
    /// A color or a key of a split that is not in the range that MPI allows.
    case invalidSplit(color: Int, key: Int)

    /// One line that names the operation, what it needs and what it was given.
    public var description: String {
        switch self {
        case .noSuchRoot(let operation, let root, let size):
            "\(operation): expected a root in 0 ..< \(size), found \(root)"
        case .wrongCount(let operation, let expected, let found):
            "\(operation): expected room for \(expected) elements, found \(found)"
        case .invalidSize(let operation, let size):
            "\(operation): cannot form a communicator of \(size) ranks"
        case .invalidSplit(let color, let key):
            "split: expected a color in 0 ... \(Int32.max) and a key of 32 bits, found \(color) and \(key)"
        }
    }

    /// The same as ``description``.
    public var errorDescription: String? { description }
}

extension Communicator {
    /// Checks that an allgather's result has room for every rank's contribution.
    ///
    /// - Throws: ``CollectiveArgumentError/wrongCount(operation:expected:found:)``.
    package func checkAllgather(contribution: Int, result: Int) throws {
        guard result == size * contribution else {
            throw CollectiveArgumentError.wrongCount(
                operation: "allgather", expected: size * contribution, found: result)
        }
    }

    /// Checks that there is a segment for each rank and that they fill the buffer.
    ///
    /// - Throws: ``CollectiveArgumentError/wrongCount(operation:expected:found:)``.
    package func checkSegments(_ counts: [Int], buffer: Int) throws {
        guard counts.count == size, counts.allSatisfy({ $0 >= 0 }), counts.reduce(0, +) == buffer else {
            throw CollectiveArgumentError.wrongCount(
                operation: "allgather of \(counts.count) segments", expected: counts.reduce(0, +),
                found: buffer)
        }
    }

    /// Checks that MPI can be given a color and a key.
    ///
    /// - Throws: ``CollectiveArgumentError/invalidSplit(color:key:)``.
    package func checkSplit(color: Int, key: Int) throws {
        guard color >= 0, color <= Int(Int32.max), Int32(exactly: key) != nil else {
            throw CollectiveArgumentError.invalidSplit(color: color, key: key)
        }
    }

    /// Checks that a root is a rank.
    ///
    /// - Throws: ``CollectiveArgumentError/noSuchRoot(operation:root:size:)``.
    package func checkRoot(_ root: Int, operation: String) throws {
        guard root >= 0, root < size else {
            throw CollectiveArgumentError.noSuchRoot(operation: operation, root: root, size: size)
        }
    }
}
