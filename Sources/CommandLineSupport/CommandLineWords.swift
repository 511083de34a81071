internal import ArgumentParser
internal import Foundation

/// The words of the command line, as the parser is to see them.
package enum CommandLineWords {
    /// Reads them.
    ///
    /// - Throws: `ValidationError` where a word, or a path that the environment gives, is not UTF-8: as text it would become
    ///   another one, and name another file.
    package static func read() throws -> [String] {
        let count = Int(CommandLine.argc)
        let words = try (1..<max(1, count)).map { index in
            try text(CommandLine.unsafeArgv[index], "word \(index) of the command line")
        }
        _ = try text(getenv("DP_TRAIN_DATA"), "DP_TRAIN_DATA")
        let folder = getcwd(nil, 0)
        defer { free(folder) }
        _ = try text(folder, "the current folder")
        return valuesSplit(words)
    }

    private static func text(_ bytes: UnsafePointer<CChar>?, _ name: String) throws -> String {
        guard let bytes else { return "" }
        guard let text = String(validatingCString: bytes) else {
            throw ValidationError("\(name): expected text in UTF-8, found \"\(escaped(bytes))\"")
        }
        return text
    }

    /// The bytes with those that are not ASCII as `\xff`.
    private static func escaped(_ bytes: UnsafePointer<CChar>) -> String {
        UnsafeBufferPointer(start: bytes, count: strlen(bytes)).map { byte in
            (0x20...0x7e).contains(byte)
                ? String(UnicodeScalar(UInt8(bitPattern: byte)))
                : "\\x" + String(UInt8(bitPattern: byte), radix: 16)
        }.joined()
    }

    /// `--name=` becomes `--name` and an empty word. The parser takes the word that follows for its value instead.
    private static func valuesSplit(_ words: [String]) -> [String] {
        let end = words.firstIndex(of: "--") ?? words.endIndex
        return words.enumerated().flatMap { index, word in
            guard index < end, word.hasPrefix("--"), word.firstIndex(of: "=") == word.indices.last else {
                return [word]
            }
            return [String(word.dropLast()), ""]
        }
    }
}
