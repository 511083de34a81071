import Foundation
import Testing

/// A file system in memory, of a small size.
struct Tmpfs {
    let url: URL

    static let isAvailable: Bool = {
        guard getuid() == 0, let disk = try? Tmpfs(size: "64k") else { return false }
        disk.unmount()
        return true
    }()

    init(size: String) throws {
        url = try Scratch.makeDirectory("disk")
        let outcome = try Program.tool(["mount", "-t", "tmpfs", "-o", "size=\(size)", "tmpfs", url.path])
        try #require(outcome.status == 0, "\(outcome.summary)")
    }

    func unmount() { _ = try? Program.tool(["umount", url.path]) }

    /// Writes a file that leaves only so many bytes of the disk.
    func fill(_ file: URL, leaving bytes: Int) throws {
        let attributes = try FileManager.default.attributesOfFileSystem(forPath: url.path)
        let free = try #require(attributes[.systemFreeSize] as? NSNumber).intValue
        try #require(free > bytes)
        try Data(count: free - bytes).write(to: file)
    }
}
