public import Collectives
public import Foundation

/// Rounds in which every rank writes to shared memory, meets the others, and reads what they wrote: a barrier
/// that lets a rank go too early makes it read the number of another round.
public enum BarrierStress {
    /// How many wrong numbers this rank has read. Collective: every rank of the node must call it.
    ///
    /// - Parameters:
    ///   - region: Zero-filled, with at least ``byteCount(ranks:)`` bytes.
    ///   - rank: This rank's index.
    ///   - ranks: How many take part.
    ///   - rounds: How many rounds.
    ///   - barrier: The barrier.
    public static func wrongReads(
        in region: SharedRegion, rank: Int, ranks: Int, rounds: Int, barrier: () throws -> Void
    ) throws -> Int {
        let slots = region.base.bindMemory(to: Int.self, capacity: ranks)
        var wrong = 0
        for round in 1...rounds {
            slots[rank] = round
            try barrier()
            for other in 0..<ranks where slots[other] != round { wrong += 1 }
            // Nobody begins the next round while others read.
            try barrier()
        }
        return wrong
    }

    /// The memory that the ranks need.
    public static func byteCount(ranks: Int) -> Int { ranks * MemoryLayout<Int>.stride }
}

/// The names of shared memory objects that this program makes, as far as the system shows
/// them: Linux does.
public enum SharedMemoryNames {
    private static let folder = "/dev/shm"

    /// The names made by any of the given processes.
    public static func left(
        by processes: [Int32] = [ProcessInfo.processInfo.processIdentifier]
    ) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { name in processes.contains { name.hasPrefix("dp-train-\($0)-") } }
    }
}
