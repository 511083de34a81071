internal import Collectives
internal import Foundation

/// The state that the threads of a ``ThreadCommunicator`` share: a barrier at which each shows its buffer.
///
/// A buffer shown at one meeting may be read by all until all have come to the next one. Everything mutable is guarded by `condition`.
final class ThreadMeeting: @unchecked Sendable {
    private let size: Int
    private let condition = NSCondition()
    private var purposes: [String]
    private var buffers: [UnsafeRawBufferPointer]
    private var arrived = 0
    private var completed = 0
    private var ended: [Int] = []
    private var failure: ThreadCommunicatorError?
    private var errors: [any Error] = []
    private var offers: [Int: any Sendable] = [:]
    private var children: [(meeting: ThreadMeeting, members: [Int])] = []

    init(size: Int) {
        self.size = size
        purposes = Array(repeating: "", count: size)
        buffers = Array(repeating: UnsafeRawBufferPointer(start: nil, count: 0), count: size)
    }

    /// Waits until all ranks have come for the same purpose.
    func meet(
        rank: Int, purpose: String,
        buffer: UnsafeRawBufferPointer? = nil
    ) throws {
        condition.lock()
        defer { condition.unlock() }
        if let failure { throw failure }
        purposes[rank] = purpose
        // A rank that comes to the end of a collective shows nothing: others may still be reading its buffer.
        if let buffer { buffers[rank] = buffer }
        arrived += 1
        let mine = completed
        if arrived == size {
            try complete()
        }
        while completed == mine {
            if let failure { throw failure }
            if let rank = ended.first {
                failure = .rankEnded(rank: rank, waiting: purpose)
                condition.broadcast()
                continue
            }
            condition.wait()
        }
    }

    /// Lets all go, or makes all throw if they came for different purposes. The caller holds the lock.
    private func complete() throws {
        arrived = 0
        if let other = purposes.firstIndex(where: { $0 != purposes[0] }) {
            let failure = ThreadCommunicatorError.mismatch(
                "rank 0: \(purposes[0]), rank \(other): \(purposes[other])")
            self.failure = failure
            condition.broadcast()
            throw failure
        }
        completed += 1
        condition.broadcast()
    }

    /// What a rank showed at the last meeting.
    func buffer(ofRank rank: Int) -> UnsafeRawBufferPointer {
        condition.lock()
        defer { condition.unlock() }
        return buffers[rank]
    }

    /// Records that a rank has ended, so that nobody waits for it.
    func leave(rank: Int, error: (any Error)?) {
        condition.lock()
        defer { condition.unlock() }
        ended.append(rank)
        if let error { errors.append(error) }
        if case .aborted? = error as? ThreadCommunicatorError, failure == nil {
            failure = error as? ThreadCommunicatorError
        }
        condition.broadcast()
        for (child, members) in children {
            if let rank = members.firstIndex(of: rank) { child.leave(rank: rank, error: error) }
        }
    }

    /// A meeting of some of the ranks, whom nobody there waits for when they have ended here.
    func makeChild(members: [Int]) -> ThreadMeeting {
        condition.lock()
        defer { condition.unlock() }
        let child = ThreadMeeting(size: members.count)
        children.append((child, members))
        return child
    }

    /// Lets other ranks see an object of a rank.
    func offer(_ object: (any Sendable)?, rank: Int) {
        condition.lock()
        defer { condition.unlock() }
        offers[rank] = object
    }

    /// What a rank offers.
    func offer(ofRank rank: Int) -> (any Sendable)? {
        condition.lock()
        defer { condition.unlock() }
        return offers[rank]
    }

    /// Waits until all ranks have ended, and throws the error that explains the others.
    func waitForEnd() throws {
        condition.lock()
        defer { condition.unlock() }
        while ended.count < size { condition.wait() }
        let causes = errors.filter { !isConsequence($0) }
        if let error = causes.first(where: { $0.shouldReport }) ?? causes.first ?? errors.first {
            throw error
        }
    }

    private func isConsequence(_ error: any Error) -> Bool {
        if case .rankEnded? = error as? ThreadCommunicatorError { true } else { false }
    }
}

/// The values that the ranks' bodies returned.
final class ThreadResults<Value: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var values: [Int: Value] = [:]

    func store(_ value: Value, rank: Int) {
        lock.withLock { values[rank] = value }
    }

    var inRankOrder: [Value] {
        lock.withLock { values.sorted { $0.key < $1.key }.map(\.value) }
    }
}
