internal import Foundation

/// A folder that is filled under a temporary name and then appears at once, complete.
final class StagingFolder {
    private let target: String
    private let temporary: String
    private var isPlaced = false

    /// Makes an empty folder beside `target`.
    ///
    /// - Throws: `DatasetError` where `target` exists and is not an empty folder, or nothing can be made
    ///   there.
    init(for target: String) throws {
        let url = URL(fileURLWithPath: target)
        self.target = url.path
        let parent = url.deletingLastPathComponent()
        temporary =
            parent.appendingPathComponent(
                ".\(url.lastPathComponent).\(ProcessInfo.processInfo.processIdentifier).part"
            ).path
        try Self.checkIsFree(self.target)
        do {
            try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
            try? FileManager.default.removeItem(atPath: temporary)
            try FileManager.default.createDirectory(atPath: temporary, withIntermediateDirectories: false)
        } catch {
            throw DatasetError(
                operation: "creating the folder", location: self.target,
                expected: "a place that can be written to",
                found: error.localizedDescription)
        }
    }

    deinit {
        if !isPlaced { try? FileManager.default.removeItem(atPath: temporary) }
    }

    /// - Throws: `DatasetError` where something other than an empty folder is at `path`.
    static func checkIsFree(_ path: String) throws {
        switch FileSystem.isFolder(path) {
        case nil: return
        case false?:
            throw DatasetError(
                operation: "creating the folder", location: path, expected: "nothing of that name",
                found: "a file")
        case true?:
            let contents = try? FileManager.default.contentsOfDirectory(atPath: path)
            guard contents?.isEmpty == true else {
                throw DatasetError(
                    operation: "creating the folder", location: path,
                    expected: "nothing there, or an empty folder",
                    found: "a folder with \(contents?.count ?? 0) files in it")
            }
        }
    }

    /// Makes a file in it.
    func file(_ name: String) throws -> OutputFile {
        try OutputFile(path: FileSystem.join(temporary, name), isNew: true)
    }

    /// Gives the folder its name.
    func place() throws {
        try OutputFile.rename(temporary, to: target)
        isPlaced = true
    }
}
