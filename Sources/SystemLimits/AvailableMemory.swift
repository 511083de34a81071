internal import Foundation

/// How much memory can still be had, so that what a file asks for can be refused with a number.
public enum AvailableMemory {
    /// Bytes: the least of what is free on the machine, swap included, and of what the process's control groups may
    /// have in all. Where neither can be seen, the size of the machine's memory.
    public static var bytes: Int {
        let physical = Int(clamping: ProcessInfo.processInfo.physicalMemory)
        #if os(Linux)
        return min(freeBytes ?? physical, ControlGroups.ofThisProcess.memory ?? .max)
        #else
        return physical
        #endif
    }

    /// Whether `byteCount` bytes can be had in one piece.
    ///
    /// A limit on the process's address space (`ulimit -v`) shows only in that the allocator refuses: it is asked, and
    /// what it gives is given back untouched.
    public static func allows(_ byteCount: Int) -> Bool {
        // To look takes some system calls: not for what any machine has.
        guard byteCount <= 1 << 24 || byteCount <= bytes else { return false }
        guard let probe = malloc(max(1, byteCount)) else { return false }
        free(probe)
        return true
    }

    #if os(Linux)
    private static var freeBytes: Int? {
        guard let contents = FileManager.default.contents(atPath: "/proc/meminfo") else { return nil }
        let text = String(decoding: contents, as: UTF8.self)
        var bytes: [Substring: Int] = [:]
        for line in text.split(separator: "\n") {
            // "MemAvailable:   22113340 kB"
            let words = line.split(whereSeparator: { $0 == ":" || $0 == " " })
            guard words.count >= 2, let kibibytes = Int(words[1]), kibibytes < 1 << 50 else { continue }
            bytes[words[0]] = kibibytes * 1024
        }
        return bytes["MemAvailable"].map { $0 + (bytes["SwapFree"] ?? 0) }
    }
    #endif
}
