internal import Foundation

/// How much memory can still be had, so that what a file asks for can be refused with a number.
public enum AvailableMemory {
    /// Bytes: the least of what is free on the machine, swap included, and of what the process's control group may have
    /// in all. Where neither can be seen, the size of the machine's memory.
    public static var bytes: Int {
        let physical = Int(clamping: ProcessInfo.processInfo.physicalMemory)
        #if os(Linux)
        return min(freeBytes ?? physical, controlGroupLimit ?? .max)
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
        guard let text = text(at: "/proc/meminfo") else { return nil }
        var bytes: [Substring: Int] = [:]
        for line in text.split(separator: "\n") {
            // "MemAvailable:   22113340 kB"
            let words = line.split(whereSeparator: { $0 == ":" || $0 == " " })
            guard words.count >= 2, let kibibytes = Int(words[1]), kibibytes < 1 << 50 else { continue }
            bytes[words[0]] = kibibytes * 1024
        }
        return bytes["MemAvailable"].map { $0 + (bytes["SwapFree"] ?? 0) }
    }

    private static var controlGroupLimit: Int? {
        let lines = (text(at: "/proc/self/cgroup") ?? "").split(separator: "\n")
        let group = lines.first { $0.hasPrefix("0::") }.map { String($0.dropFirst(3)) } ?? ""
        let candidates = [
            "/sys/fs/cgroup\(group)/memory.max", "/sys/fs/cgroup/memory.max",
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        ]
        // "max" where there is no limit.
        return candidates.compactMap { text(at: $0) }
            .compactMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }.min()
    }

    private static func text(at path: String) -> String? {
        (try? Files.read(path, limit: 1 << 20)).map { String(decoding: $0, as: UTF8.self) }
    }
    #endif
}
