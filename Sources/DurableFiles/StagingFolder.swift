internal import Foundation

/// A folder that is filled under a temporary name and then appears at once, complete.
///
/// What was not placed is removed with the last reference.
public final class StagingFolder {
    private let target: String
    private let temporary: String
    private var isPlaced = false

    /// Makes an empty folder beside `target`, and the folders above it where there are none.
    ///
    /// - Throws: `FileError` if `target` exists and is not an empty folder, or nothing can be made there.
    public init(for target: String) throws(FileError) {
        self.target = URL(fileURLWithPath: target).path
        let parent = Files.parent(of: self.target)
        temporary = Files.temporaryPath(for: self.target)
        try Self.checkIsFree(self.target)
        try Files.createFolder(parent)
        guard try Files.createNewFolder(temporary) else {
            throw FileError(operation: "create folder", path: temporary, code: EEXIST)
        }
    }

    deinit {
        if !isPlaced { try? FileManager.default.removeItem(atPath: temporary) }
    }

    /// Makes a file in it.
    ///
    /// - Throws: `FileError`.
    public func file(_ name: String) throws(FileError) -> AppendFile {
        try AppendFile(creating: temporary + "/" + name)
    }

    /// Gives the folder its name, and waits until the storage has that.
    ///
    /// - Throws: `FileError`, also if something has come in its way meanwhile.
    public func place() throws(FileError) {
        try Files.rename(temporary, to: target)
        isPlaced = true
        try Files.synchronizeFolder(Files.parent(of: target))
    }

    /// A rename would replace a file, and fail on a folder with files only when they had all been written.
    private static func checkIsFree(_ path: String) throws(FileError) {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else { return }
        let count = isFolder.boolValue ? try Files.names(in: path).count : 0
        guard !isFolder.boolValue || count > 0 else { return }
        throw FileError(
            operation: "create folder", path: path, code: EEXIST,
            reason: "expected nothing there, or an empty folder, found "
                + (isFolder.boolValue ? "a folder with \(count) files in it" : "a file"))
    }
}
