internal import CSystemCalls
internal import Foundation
internal import SystemLimits

/// The set of processors on which a thread may run, as sched_getaffinity(2) gives it.
///
/// Launchers bind ranks: by default Open MPI binds each of up to two ranks on a node, with all threads that it starts, to
/// one core, and each of more ranks to one NUMA domain. A rank that works alone while the others wait, as in an
/// evaluation, has to leave that set to use the whole node. On systems without this call (macOS) nothing is ever bound
/// and nothing here binds.
public struct ProcessorAffinity: Sendable, Equatable {
    /// Bit i of word w stands for processor w · bit width + i.
    private var mask: [UInt]

    /// The processors on which the calling thread may run; nil where the system does not say.
    public static var ofCurrentThread: ProcessorAffinity? {
        // The call refuses a mask with fewer bits than the kernel was built for.
        var words = 16
        while words <= 1 << 14 {
            var mask = [UInt](repeating: 0, count: words)
            let error = dp_affinity_get(&mask, words * MemoryLayout<UInt>.size)
            if error == 0 { return ProcessorAffinity(mask: mask) }
            guard error == EINVAL else { return nil }
            words *= 2
        }
        return nil
    }

    /// The number of processors in the set.
    public var count: Int { mask.reduce(0) { $0 + $1.nonzeroBitCount } }

    /// The numbers of the processors in the set, ascending.
    package var processors: [Int] {
        mask.indices.flatMap { word in
            (0..<UInt.bitWidth).filter { mask[word] >> $0 & 1 == 1 }.map { word * UInt.bitWidth + $0 }
        }
    }

    /// How many processors the calling thread may use now, bound as it is; at least 1.
    public static var processorsOfCurrentThread: Int {
        max(ofCurrentThread?.count ?? ProcessInfo.processInfo.activeProcessorCount, 1)
    }

    /// How many processors this process may use on its node if it leaves its binding: all online ones that its
    /// container's processor set allows, but not more than its control groups give it time on, rounded up; at least 1.
    public static var processorsOfNode: Int {
        min(withAffinityToAllProcessors { processorsOfCurrentThread }, processorQuota ?? .max)
    }

    /// How many processors' time the control groups of this process give it, rounded up; nil where they do not bound it.
    package static let processorQuota = ControlGroups.ofThisProcess.processors

    /// Runs a body with the calling thread unbound, and binds the thread again as it was.
    ///
    /// A new thread inherits the set of the thread that creates it: helper threads created in the body can use all
    /// processors, then and later.
    ///
    /// - Returns: The body's value.
    /// - Throws: What the body throws. A binding that cannot be changed is left as it is.
    public static func withAffinityToAllProcessors<Value: ~Copyable, Failure: Error>(
        _ body: () throws(Failure) -> Value
    ) throws(Failure) -> Value {
        guard let bound = ofCurrentThread else { return try body() }
        // The kernel drops the processors that do not exist or that the container may not use.
        let all = ProcessorAffinity(mask: bound.mask.map { _ in UInt.max })
        guard all.bindCurrentThread() else { return try body() }
        defer { _ = bound.bindCurrentThread() }
        return try body()
    }

    /// Whether the calling thread could be bound to this set.
    private func bindCurrentThread() -> Bool {
        dp_affinity_set(mask, mask.count * MemoryLayout<UInt>.size) == 0
    }
}
