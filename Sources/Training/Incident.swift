internal import DurableFiles
internal import Foundation

/// A failure of a supervised job, for people and programs: a line of `incidents.jsonl` in the run directory.
package struct Incident: Codable, Equatable, Sendable {
    /// When, by ISO 8601, in UTC.
    package var time: String
    /// How the job ended: its launcher's exit code, or 128 and the signal that ended it.
    package var exitCode: Int32
    /// The ranks that it had.
    package var ranks: Int
    /// The hosts that it had; none on one host alone.
    package var hosts: [String]
    /// How long it had run, in seconds.
    package var seconds: Double
    /// The step of the newest checkpoint; nil without any.
    package var step: Int?
    /// What followed: `restart`, or why nothing did.
    package var action: String

    /// An incident of this moment.
    package init(
        exitCode: Int32, ranks: Int, hosts: [String], seconds: Double, step: Int?, action: String
    ) {
        time = Date.now.formatted(.iso8601)
        (self.exitCode, self.ranks, self.hosts, self.seconds) = (exitCode, ranks, hosts, seconds)
        (self.step, self.action) = (step, action)
    }

    enum CodingKeys: String, CodingKey {
        case time
        case exitCode = "exit_code"
        case ranks, hosts, seconds, step, action
    }
}

extension RunDirectory {
    /// `incidents.jsonl`: an object per failure of a supervised job.
    package var incidentsFile: String { path + "/incidents.jsonl" }

    /// The incidents in `incidents.jsonl`, without lines that are none; empty without such a file.
    package var incidents: [Incident] {
        guard let data = try? Files.read(incidentsFile) else { return [] }
        return data.split(separator: UInt8(ascii: "\n")).compactMap {
            try? JSONDecoder().decode(Incident.self, from: Data($0))
        }
    }

    /// Adds a line to `incidents.jsonl`.
    ///
    /// - Throws: `FileError`.
    package func append(_ incident: Incident) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        try Files.createFolder(path)
        let file = try AppendFile(path: incidentsFile, truncating: false)
        try file.appendContents(of: try encoder.encode(incident) + Data("\n".utf8))
    }
}
