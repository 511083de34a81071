internal import Foundation

/// Questions to the file system.
enum FileSystem {
    /// Whether a path leads to a folder (`true`), to anything else (`false`) or nowhere (`nil`).
    static func isFolder(_ path: String) -> Bool? {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else { return nil }
        return isFolder.boolValue
    }

    /// Whether a path leads to something that is not a folder.
    static func isFile(_ path: String) -> Bool {
        isFolder(path) == false
    }

    /// A path below a folder.
    static func join(_ folder: String, _ name: String) -> String {
        folder.hasSuffix("/") ? folder + name : folder + "/" + name
    }
}
