import DurableFiles
import FileTestSupport
import Foundation
import Testing

@Suite struct FilesTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test func `Replacing a file leaves the new contents and nothing else`() throws {
        let path = folder.path("config.json")
        try Files.replace(path, with: Data("old".utf8))
        try Files.replace(path, with: Data("new and longer".utf8))
        #expect(try Files.read(path) == Data("new and longer".utf8))
        #expect(try folder.names() == ["config.json"])
    }

    @Test func `A replacement that fails leaves the old file and no temporary one`() throws {
        // A folder stands where the file should go.
        try Files.createFolder(folder.path("taken"))
        try folder.put("taken/inside", Data("x".utf8))
        let error = #expect(throws: FileError.self) {
            try Files.replace(folder.path("taken"), with: Data("y".utf8))
        }
        #expect(error?.reason == "expected a file or nothing there, found a folder")
        #expect(error?.path == folder.path("taken"))
        #expect(try folder.names() == ["taken"])
        #expect(try folder.data("taken/inside") == Data("x".utf8))
    }

    @Test func `A replacement in pieces is seen when it is committed, and not at all when it is not`() throws
    {
        let path = folder.path("a")
        try Files.replace(path, with: Data("old".utf8))
        do {
            let replacement = try FileReplacement(path)
            try replacement.append(Data("half".utf8))
            #expect(try folder.names().count == 2)
            #expect(try Files.read(path) == Data("old".utf8))
        }
        #expect(try folder.names() == ["a"])
        let replacement = try FileReplacement(path)
        try replacement.append(Data("new ".utf8))
        try replacement.append(Data("pieces".utf8))
        #expect(replacement.size == 10)
        try replacement.commit()
        #expect(try Files.read(path) == Data("new pieces".utf8))
        #expect(try folder.names() == ["a"])
    }

    @Test func `A symbolic link stays, and what it leads to is replaced`() throws {
        try Files.createFolder(folder.path("a"))
        try FileManager.default.createSymbolicLink(
            atPath: folder.path("link"), withDestinationPath: folder.path("a/second"))
        try FileManager.default.createSymbolicLink(
            atPath: folder.path("a/second"), withDestinationPath: "target")
        // The target is made, then replaced.
        for text in ["new", "newer"] {
            try Files.replace(folder.path("link"), with: Data(text.utf8))
            #expect(try folder.data("a/target") == Data(text.utf8))
            #expect(
                try FileManager.default.destinationOfSymbolicLink(atPath: folder.path("a/second")) == "target"
            )
        }
        #expect(try folder.names() == ["a", "link"])
        #expect(try Files.names(in: folder.path("a")) == ["second", "target"])
        try FileManager.default.createSymbolicLink(atPath: folder.path("loop"), withDestinationPath: "loop")
        #expect(throws: FileError.self) { try Files.replace(folder.path("loop"), with: Data()) }
    }

    @Test func `What is not a file is never replaced`() throws {
        let pipe = folder.path("pipe")
        try #require(mkfifo(pipe, 0o600) == 0)
        try FileManager.default.createSymbolicLink(atPath: folder.path("link"), withDestinationPath: "pipe")
        for path in [pipe, folder.path("link")] {
            let error = #expect(throws: FileError.self) { try Files.replace(path, with: Data("x".utf8)) }
            #expect(
                error?.description == "cannot replace \(path): expected a file or nothing there, found a pipe"
            )
        }
        #expect(try folder.names() == ["link", "pipe"])
        let attributes = try FileManager.default.attributesOfItem(atPath: pipe)
        #expect(attributes[.type] as? FileAttributeType != .typeRegular)
    }

    @Test func `A file is created only where nothing is, not even a link`() throws {
        try AppendFile(creating: folder.path("new")).appendContents(of: Data("x".utf8))
        try FileManager.default.createSymbolicLink(
            atPath: folder.path("link"), withDestinationPath: "elsewhere")
        for name in ["new", "link"] {
            #expect(throws: FileError.self) { try AppendFile(creating: folder.path(name)) }
        }
        #expect(try folder.names() == ["link", "new"])
        #expect(try folder.data("new") == Data("x".utf8))
    }

    @Test func `One of those who create a folder at once is its creator`() async throws {
        let path = folder.path("run")
        let creators = try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<16 { group.addTask { try Files.createNewFolder(path) } }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(creators == 1)
        #expect(throws: FileError.self) { try Files.createNewFolder(path + "/none/below") }
    }

    @Test func `A missing file is named in the error`() throws {
        let error = #expect(throws: FileError.self) { try Files.read(folder.path("missing")) }
        #expect(error?.isNotFound == true)
        #expect(error?.description == "cannot read \(folder.path("missing")): No such file or directory")
    }

    @Test func `Folders are created with those above them, and again without an error`() throws {
        for _ in 0..<2 { try Files.createFolder(folder.path("a/b/c")) }
        try Files.createFolder(folder.path("a/b/c/"))
        #expect(try Files.names(in: folder.path("a/b")) == ["c"])
        try folder.put("file", Data())
        #expect(throws: FileError.self) { try Files.createFolder(folder.path("file")) }
        #expect(throws: FileError.self) { try Files.createFolder(folder.path("file/below")) }
    }

    @Test func `Appending goes on at the end of what is there`() throws {
        try folder.put("log", Data("abc".utf8))
        let file = try AppendFile(path: folder.path("log"), truncating: false)
        #expect(file.size == 3)
        try file.appendContents(of: Data("def".utf8))
        try file.synchronize()
        #expect(file.size == 6)
        #expect(try folder.data("log") == Data("abcdef".utf8))
        #expect(try AppendFile(path: folder.path("log"), truncating: true).size == 0)
        #expect(try folder.data("log").isEmpty)
    }

    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/dev/full"), "needs /dev/full (Linux)"))
    func `A full disk is an error that says so`() throws {
        let file = try AppendFile(path: "/dev/full", truncating: false)
        let error = #expect(throws: FileError.self) { try file.appendContents(of: Data("abc".utf8)) }
        #expect(error?.description == "cannot write /dev/full: No space left on device")
    }

    @Test func `A write cut short by the file-size limit is taken back`() async throws {
        let path = folder.path("log")
        await #expect(processExitsWith: .success) { [path = path as String] in
            try limitFileSize(to: 1000)
            let file = try AppendFile(path: path, truncating: true)
            try file.appendContents(of: Data(count: 600))
            let error = #expect(throws: FileError.self) { try file.appendContents(of: Data(count: 600)) }
            #expect(error?.reason == "File too large")
            #expect(file.size == 600)
            try file.appendContents(of: Data(count: 400))
        }
        #expect(try folder.data("log").count == 1000)
    }

    @Test func `What does not fit on the disk waits, up to a limit, and is written in order and once`()
        async throws
    {
        let path = folder.path("log")
        await #expect(processExitsWith: .success) { [path = path as String] in
            try limitFileSize(to: 4)
            var buffer = AppendBuffer(try AppendFile(path: path, truncating: true), limit: 9)
            try buffer.add(Data("abc".utf8))
            try buffer.synchronize()
            for text in ["defg", "hijkl"] {
                try buffer.add(Data(text.utf8))
                #expect(throws: FileError.self) { try buffer.write() }
            }
            let error = #expect(throws: FileError.self) { try buffer.add(Data("m".utf8)) }
            #expect(error?.description.contains("9 bytes have been waiting for room") == true)
            #expect(buffer.waitingSize == 9)
            try limitFileSize(to: 100)
            try buffer.synchronize()
            try buffer.add(Data("n".utf8))
            try buffer.synchronize()
            try buffer.synchronize()
        }
        #expect(try folder.data("log") == Data("abcdefghijkln".utf8))
    }
}
