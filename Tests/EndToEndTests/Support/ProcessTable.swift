import Foundation

/// What Linux tells about running processes; empty on systems without `/proc`.
enum ProcessTable {
    static var isAvailable: Bool { FileManager.default.fileExists(atPath: "/proc/self/status") }

    /// Every process below `ancestor`, whatever its process group.
    static func descendants(of ancestor: Int32) -> [Int32] {
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        var children: [Int32: [Int32]] = [:]
        for identifier in entries.compactMap({ Int32($0) }) {
            if let parent = field("PPid", of: identifier).flatMap({ Int32($0) }) {
                children[parent, default: []].append(identifier)
            }
        }
        var found: [Int32] = []
        var pending = [ancestor]
        while let next = pending.popLast() {
            let below = children[next] ?? []
            found += below
            pending += below
        }
        return found
    }

    /// Whether there is such a process, and it has not ended: one that nobody has asked for its exit code is still listed.
    static func isRunning(_ identifier: Int32) -> Bool {
        kill(identifier, 0) == 0 && field("State", of: identifier)?.hasPrefix("Z") != true
    }

    static func name(of identifier: Int32) -> String? { field("Name", of: identifier) }

    /// The largest resident set since the process began to run its program: "VmHWM:  12345 kB".
    static func peakResidentBytes(of identifier: Int32) -> Int? {
        field("VmHWM", of: identifier)?.split(separator: " ").first.flatMap { Int($0) }.map { $0 * 1024 }
    }

    private static func field(_ name: String, of identifier: Int32) -> String? {
        guard let status = try? String(contentsOfFile: "/proc/\(identifier)/status", encoding: .utf8) else {
            return nil
        }
        for line in status.split(separator: "\n") where line.hasPrefix(name + ":") {
            return line.dropFirst(name.count + 1).trimmingCharacters(in: .whitespaces)
        }
        return nil
    }
}
