import Foundation

/// Directories for the tests' files, all below one that is removed when the test process ends.
enum Scratch {
    private static let root: URL = {
        let root = FileManager.default.temporaryDirectory
            .appending(path: "dp-train-tests-\(ProcessInfo.processInfo.processIdentifier)")
        atexit { Scratch.remove() }
        return root
    }()

    /// A new, empty directory.
    static func makeDirectory(_ name: String) throws -> URL {
        let directory = root.appending(
            path: "\(name)-\(UUID().uuidString.prefix(8))", directoryHint: .isDirectory)
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        return directory
    }

    /// A path at which nothing is yet.
    static func newPath(_ name: String) throws -> URL {
        try makeDirectory(name).appending(path: name)
    }

    private static func remove() {
        try? FileManager.default.removeItem(at: root)
    }
}
