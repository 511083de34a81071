public import Foundation

/// A folder that is removed when the last reference to it goes.
public final class TemporaryFolder: Sendable {
    /// The folder.
    public let path: String

    /// Creates a folder with a name of its own where the system keeps temporary files.
    ///
    /// - Throws: An error of `FileManager` if it cannot be created.
    public init() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "dp-train-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path(percentEncoded: false)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The path of a file in the folder.
    public func path(_ name: String) -> String { path + "/" + name }

    /// The names of the folder's files, sorted.
    public func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    }

    /// The contents of a file.
    public func data(_ name: String) throws -> Data { try Data(contentsOf: URL(filePath: path(name))) }

    /// Writes a file.
    public func put(_ name: String, _ contents: Data) throws {
        try contents.write(to: URL(filePath: path(name)))
    }
}
