internal import DurableFiles
internal import Foundation

/// A text file with a line per epoch, and perhaps a header line.
struct EpochLines {
    let path: String
    /// What opening had to repair.
    private(set) var notes: [String] = []

    private var lines: AppendBuffer

    init(
        path: String, opening: MetricsOpening, header: String?,
        parsing parse: (ArraySlice<UInt8>) -> RecordLine?
    ) throws(MetricsError) {
        self.path = path
        let headerLine = Data((header.map { $0 + "\n" } ?? "").utf8)
        do {
            var isNew = true
            if case .continuing(let position) = opening, let old = try Self.contents(of: path) {
                notes = try Self.cut(old, at: path, after: position, headerLine: headerLine, parsing: parse)
                isNew = false
            }
            let file = try AppendFile(path: path, truncating: isNew)
            if file.size == 0 { try file.appendContents(of: headerLine) }
            lines = AppendBuffer(file)
        } catch {
            throw MetricsError(error, path: path, operation: "open")
        }
    }

    /// Drops the lines that were recorded after `position`, and damaged ones; the file is replaced as a whole.
    private static func cut(
        _ old: Data, at path: String, after position: MetricsPosition, headerLine: Data,
        parsing parse: (ArraySlice<UInt8>) -> RecordLine?
    ) throws(FileError) -> [String] {
        let kept = KeptLines(
            old.starts(with: headerLine) ? old.dropFirst(headerLine.count) : old,
            keeping: { $0.epoch <= position.epoch && $0.step <= position.step }, parsing: parse)
        let new = headerLine + kept.text
        if new != old { try Files.replace(path, with: new) }
        return kept.malformed > 0 ? ["\(path): dropped \(kept.malformed) damaged line(s)"] : []
    }

    /// Writes a line; one that could not be written is kept and tried again with the next.
    mutating func append(_ line: String) throws(MetricsError) {
        do throws(FileError) {
            try lines.add(Data((line + "\n").utf8))
            try lines.write()
        } catch {
            throw MetricsError(error, path: path, operation: "write")
        }
    }

    mutating func flush() throws(MetricsError) {
        do { try lines.synchronize() } catch { throw MetricsError(error, path: path, operation: "write") }
    }

    private static func contents(of path: String) throws(FileError) -> Data? {
        do throws(FileError) { return try Files.read(path) } catch {
            if error.isNotFound { return nil }
            throw error
        }
    }
}
