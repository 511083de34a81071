internal import Foundation

/// What the control groups of a process (cgroups, by which containers and batch systems bound it) leave to it, as far as
/// their files can be read: the least that its own group and all groups above it allow. Both versions of the interface.
///
/// Sources: the kernel's documentation of cgroup v2 (`cpu.max`, `memory.max`, `memory.swap.max`) and of v1
/// (`cpu.cfs_quota_us`, `cpu.cfs_period_us`, `memory.limit_in_bytes`, `memory.memsw.limit_in_bytes`).
package struct ControlGroups: Sendable {
    private let processorFolders: [Folder]
    private let memoryFolders: [Folder]
    /// The machine's swap; nil where that is not told.
    private let swap: Int?

    private struct Folder {
        let path: String
        let isUnified: Bool
    }

    /// The groups of this process.
    package static let ofThisProcess = ControlGroups(processFolder: "/proc/self")

    /// The groups of a process.
    ///
    /// - Parameters:
    ///   - processFolder: Where its `cgroup` and `mountinfo` stand.
    ///   - root: What is put before the paths that these name.
    package init(processFolder: String, root: String = "") {
        let groups = Self.text(processFolder + "/cgroup").split(separator: "\n").compactMap(Membership.init)
        let mounts = Self.text(processFolder + "/mountinfo").split(separator: "\n").compactMap(Mount.init)
        func folders(_ controller: String) -> [Folder] {
            groups.flatMap { group -> [Folder] in
                guard group.isUnified || group.controllers.contains(controller) else { return [] }
                let mount = mounts.last {
                    $0.isUnified == group.isUnified && ($0.isUnified || $0.options.contains(controller))
                }
                return mount.map { mount in
                    mount.folders(of: group.path).map {
                        Folder(path: root + $0, isUnified: group.isUnified)
                    }
                } ?? []
            }
        }
        processorFolders = folders("cpu")
        memoryFolders = folders("memory")
        let swapLine = Self.text(root + "/proc/meminfo").split(separator: "\n").first {
            $0.hasPrefix("SwapTotal:")
        }
        swap = swapLine?.split(separator: " ").dropFirst().first.flatMap { Int($0) }
            .flatMap { $0 < 1 << 50 ? $0 * 1024 : nil }
    }

    /// How many processors' time they allow, rounded up, at least 1; nil where they do not bound it.
    package var processors: Int? {
        let quotas = processorFolders.compactMap { folder -> Double? in
            let words =
                folder.isUnified
                ? Self.words(folder.path + "/cpu.max")
                : Self.words(folder.path + "/cpu.cfs_quota_us")
                    + Self.words(folder.path + "/cpu.cfs_period_us")
            guard words.count == 2, let quota = Double(words[0]), let period = Double(words[1]), quota > 0,
                period > 0
            else { return nil }
            return quota / period
        }
        return quotas.min().map { Int(min(max($0.rounded(.up), 1), 0x1p20)) }
    }

    /// How many bytes of memory and swap they allow; nil where they do not bound them. A group that bounds memory alone leaves
    /// all of the machine's swap.
    package var memory: Int? {
        let limits = memoryFolders.compactMap { folder -> Int? in
            let both = folder.isUnified ? nil : Self.number(folder.path + "/memory.memsw.limit_in_bytes")
            let names = folder.isUnified ? "/memory.max" : "/memory.limit_in_bytes"
            let bound = folder.isUnified ? Self.number(folder.path + "/memory.swap.max") : nil
            let sum: Int? = Self.number(folder.path + names).flatMap { memory in
                guard memory >= 0, let swap = bound ?? self.swap else { return nil }
                let (sum, overflow) = memory.addingReportingOverflow(swap)
                return overflow ? nil : sum
            }
            return [both, sum].compactMap(\.self).min()
        }
        // Version 1 writes "no limit" as a number near 2⁶³.
        return limits.filter { $0 < 1 << 60 }.min()
    }

    private static func text(_ path: String) -> String {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    private static func words(_ path: String) -> [Substring] {
        text(path).split(whereSeparator: \.isWhitespace)
    }

    private static func number(_ path: String) -> Int? { words(path).first.flatMap { Int($0) } }
}

/// A line of /proc/PID/cgroup: `0::/user.slice` or `4:cpu,cpuacct:/docker/17`.
private struct Membership {
    let controllers: [String]
    let path: String
    var isUnified: Bool { controllers.isEmpty }

    init?(_ line: Substring) {
        let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3 else { return nil }
        controllers = parts[1].split(separator: ",").map(String.init)
        path = String(parts[2])
        // The unified hierarchy is 0; version 1 has hierarchies with a name and without a controller, too.
        guard !controllers.isEmpty || parts[0] == "0" else { return nil }
    }
}

/// A line of /proc/PID/mountinfo that mounts control groups.
private struct Mount {
    /// The group that stands at the mount point.
    let root: String
    let point: String
    let isUnified: Bool
    let options: [String]

    init?(_ line: Substring) {
        let words = line.split(separator: " ")
        guard let dash = words.firstIndex(of: "-"), words.count > dash + 3, dash > 4,
            ["cgroup", "cgroup2"].contains(words[dash + 1])
        else { return nil }
        root = Self.unescaped(words[3])
        point = Self.unescaped(words[4])
        isUnified = words[dash + 1] == "cgroup2"
        options = words[dash + 3].split(separator: ",").map(String.init)
    }

    /// The folders of a group and of all groups above it that can be seen.
    func folders(of group: String) -> [String] {
        let prefix = root == "/" ? "" : root
        // A group that lies elsewhere is not visible here; what stands at the mount point bounds it all the same.
        let isBelow = group == prefix || group.hasPrefix(prefix + "/")
        let names = isBelow ? group.dropFirst(prefix.count).split(separator: "/") : []
        guard !names.contains("..") else { return [point] }
        return (0...names.count).map { ([point] + names[..<$0].map(String.init)).joined(separator: "/") }
    }

    /// Blanks and the like stand as three octal digits behind a backslash.
    private static func unescaped(_ text: Substring) -> String {
        var result: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3,
                let code = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
            {
                result.append(code)
                rest = rest.dropFirst(3)
            } else {
                result.append(byte)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}

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
