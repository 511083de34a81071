import DurableFiles
import FileTestSupport
import Foundation
import Testing

@Suite struct StagingFolderTests {
    @Test func `A folder appears complete under its name, and not before`() throws {
        let folder = try TemporaryFolder()
        let target = folder.path("some/where")
        let staging = try StagingFolder(for: target)
        let file = try staging.file("a")
        try file.append([1, 2, 3])
        try file.synchronize()
        #expect(!FileManager.default.fileExists(atPath: target))
        try staging.place()
        #expect(try Files.names(in: target) == ["a"])
        #expect(try [UInt8](Files.read(target + "/a")) == [1, 2, 3])
        #expect(try Files.names(in: folder.path("some")) == ["where"])
    }

    @Test func `What is not placed leaves nothing behind`() throws {
        let folder = try TemporaryFolder()
        do {
            let staging = try StagingFolder(for: folder.path("set"))
            try staging.file("a").append([1])
        }
        #expect(try Files.names(in: folder.path).isEmpty)
    }

    @Test func `A file and a folder in use are refused and left alone`() throws {
        let folder = try TemporaryFolder()
        try Files.createFolder(folder.path("used"))
        try Files.replace(folder.path("used/a"), with: Data([1]))
        try Files.replace(folder.path("file"), with: Data([1]))
        for (name, found) in [("used", "a folder with 1 files in it"), ("file", "a file")] {
            let error = #expect(throws: FileError.self) { try StagingFolder(for: folder.path(name)) }
            #expect(error?.reason.contains(found) == true, "\(String(describing: error))")
        }
        #expect(try Files.names(in: folder.path) == ["file", "used"])
        #expect(try Files.names(in: folder.path("used")) == ["a"])
    }

    @Test func `An empty folder is taken`() throws {
        let folder = try TemporaryFolder()
        try Files.createFolder(folder.path("empty"))
        let staging = try StagingFolder(for: folder.path("empty"))
        try staging.file("a").append([])
        try staging.place()
        #expect(try Files.names(in: folder.path("empty")) == ["a"])
    }
}
