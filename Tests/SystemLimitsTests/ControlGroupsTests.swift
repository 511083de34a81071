import Foundation
import SystemLimits
import Testing

/// What stands in the files of control groups, in folders made for the purpose.
@Suite struct ControlGroupsTests {
    /// Files by their paths, below a root that is removed with this object.
    private final class Tree {
        let root: String

        init(_ files: [String: String]) throws {
            root = FileManager.default.temporaryDirectory.appending(path: "groups-\(UUID().uuidString)").path
            for (path, text) in files {
                let url = URL(filePath: root + path)
                try FileManager.default.createDirectory(
                    at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
                try Data(text.utf8).write(to: url)
            }
        }

        deinit { try? FileManager.default.removeItem(atPath: root) }

        // The files are read when somebody asks, and have to be there then.
        var processors: Int? { withExtendedLifetime(self) { groups.processors } }
        var memory: Int? { withExtendedLifetime(self) { groups.memory } }

        private var groups: ControlGroups { ControlGroups(processFolder: root + "/proc", root: root) }
    }

    private static let unified =
        "31 23 0:28 / /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"

    private func unified(_ group: String, _ files: [String: String], mount: String = unified) throws -> Tree {
        try Tree(
            ["/proc/cgroup": "0::\(group)\n", "/proc/mountinfo": "1 0 8:1 / / rw - ext4 /dev/a rw\n" + mount]
                .merging(files.map { ("/sys/fs/cgroup" + $0, $1) }) { $1 })
    }

    @Test(
        "A quota is rounded up to whole processors, and is at least one",
        arguments: [
            ("200000 100000", 2), ("150000 100000", 2), ("100001 100000", 2), ("100000 100000", 1),
            ("5000 100000", 1), ("max 100000", nil), ("", nil), ("x 100000", nil), ("-1 100000", nil),
            ("100000 0", nil), ("1e300 1", 1 << 20),
        ] as [(String, Int?)])
    func quota(text: String, expected: Int?) throws {
        #expect(try unified("/job", ["/job/cpu.max": text + "\n"]).processors == expected)
    }

    @Test("The least that any group above allows counts")
    func ancestors() throws {
        let files = [
            "/a/cpu.max": "300000 100000\n", "/a/b/cpu.max": "max 100000\n",
            "/a/b/c/cpu.max": "800000 100000\n",
            "/other/cpu.max": "100000 100000\n", "/a/memory.max": "max\n", "/a/b/memory.max": "3000000000\n",
            "/a/b/memory.swap.max": "1000000000\n", "/a/b/c/memory.max": "9000000000\n",
            "/a/b/c/memory.swap.max": "0\n",
        ]
        let tree = try unified("/a/b/c", files)
        #expect(tree.processors == 3)
        #expect(tree.memory == 4_000_000_000)
    }

    @Test("In a container the mount point is the container's own group")
    func container() throws {
        let files = ["/cpu.max": "250000 100000\n", "/memory.max": "1048576\n", "/memory.swap.max": "0\n"]
        let mount = "31 23 0:28 /docker/17 /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
        // With a name space of its own, without one, and where the process stands outside of what is mounted.
        for (group, mount) in [("/", Self.unified), ("/docker/17", mount), ("/../other", Self.unified)] {
            let tree = try unified(group, files, mount: mount)
            #expect(tree.processors == 3)
            #expect(tree.memory == 1 << 20)
        }
    }

    @Test("Version 1 has a hierarchy for each controller, and writes no limit as a large number or as -1")
    func first() throws {
        let mounts = """
            32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
            35 31 0:32 / /sys/fs/cgroup/me\\040mory rw - cgroup cgroup rw,memory
            40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd

            """
        var files = [
            "/proc/cgroup": "4:memory:/m\n3:cpu,cpuacct:/c/d\n2:name=systemd:/x\n1:cpuset:/\n",
            "/proc/mountinfo": mounts,
            "/sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_quota_us": "-1\n",
            "/sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_period_us": "100000\n",
            "/sys/fs/cgroup/cpu,cpuacct/c/d/cpu.cfs_quota_us": "-1\n",
            "/sys/fs/cgroup/cpu,cpuacct/c/d/cpu.cfs_period_us": "50000\n",
            "/sys/fs/cgroup/me mory/memory.memsw.limit_in_bytes": "9223372036854771712\n",
        ]
        let free = try Tree(files)
        #expect(free.processors == nil)
        #expect(free.memory == nil)
        files["/sys/fs/cgroup/cpu,cpuacct/c/d/cpu.cfs_quota_us"] = "175000\n"
        files["/sys/fs/cgroup/me mory/m/memory.memsw.limit_in_bytes"] = "5000000000\n"
        let bounded = try Tree(files)
        #expect(bounded.processors == 4)
        #expect(bounded.memory == 5_000_000_000)
    }

    @Test("A group that bounds memory and not swap leaves the machine's swap", arguments: ["max\n", nil])
    func unboundedSwap(swap: String?) throws {
        var files = [
            "/proc/cgroup": "0::/job\n", "/proc/mountinfo": Self.unified,
            "/sys/fs/cgroup/job/memory.max": "1048576\n",
        ]
        files["/sys/fs/cgroup/job/memory.swap.max"] = swap
        #expect(try Tree(files).memory == nil)
        files["/proc/meminfo"] = "MemTotal:  900 kB\nSwapTotal:       3 kB\nSwapFree:   1 kB\n"
        #expect(try Tree(files).memory == 1_048_576 + 3072)
    }

    @Test("More memory than there is is not allowed")
    func available() {
        #expect(AvailableMemory.bytes > 1 << 20)
        #expect(AvailableMemory.allows(0) && AvailableMemory.allows(1 << 20))
        #expect(!AvailableMemory.allows(1 << 60))
    }

    @Test("Without control groups nothing is bounded, whatever stands in the files")
    func none() throws {
        #expect(ControlGroups(processFolder: "/no such folder").processors == nil)
        for text in ["", "\n\n", "0", "0:", "0::", ":::", "a b c - d", "1 2 3 4 5 - cgroup2"] {
            let tree = try Tree(["/proc/cgroup": text, "/proc/mountinfo": text])
            #expect(tree.processors == nil)
            #expect(tree.memory == nil)
        }
    }

    @Test("This process has at least one processor by its groups")
    func own() {
        #expect(ControlGroups.ofThisProcess.processors ?? 1 >= 1)
        #expect(ControlGroups.ofThisProcess.memory ?? 1 > 0)
    }
}
