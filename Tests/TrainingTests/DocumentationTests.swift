import Foundation
import Testing

/// The tests that the documentation names, as `Suite/function`.
@Suite struct DocumentationTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The contents of the files of a kind below a folder.
    private func contents(below folder: String, ending suffix: String) throws -> [String] {
        let folder = Self.root.appending(path: folder)
        return try FileManager.default.subpathsOfDirectory(atPath: folder.path)
            .filter { $0.hasSuffix(suffix) }
            .map { try String(contentsOf: folder.appending(path: $0), encoding: .utf8) }
    }

    @Test("Every test that a page of the documentation names is there")
    func namedTests() throws {
        let pages = try contents(below: "Sources/Training/Training.docc", ending: ".md")
        let sources = try contents(below: "Tests", ending: "Tests.swift")
        let named = Set(
            pages.flatMap { $0.matches(of: /`(\w+Tests)\/(\w+)`/).map(\.output) }.map { "\($0.1)/\($0.2)" })
        #expect(named.count > 30, "the pages name their tests")
        for name in named {
            let parts = name.split(separator: "/")
            #expect(
                sources.contains {
                    $0.contains("struct \(parts[0])") && $0.contains("func \(parts[1])(")
                }, "\(name)")
        }
    }
}
