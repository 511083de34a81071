package import Datasets
internal import DurableFiles
internal import Foundation
internal import Reports
package import Training

// What a study leaves behind: a folder of runs, with their results as a table, pictures and pages.

/// The folder of a study, which one process at a time writes to. Only rank 0 has one.
package struct StudyFolder {
    /// An error about the folder.
    package struct Failure: Error, CustomStringConvertible, LocalizedError {
        /// One line that names the folder or file, what was expected, and what was found.
        package let description: String
        /// The same as ``description``.
        package var errorDescription: String? { description }
    }

    /// What `study.json` says.
    private struct Identity: Codable {
        let study: String
        let data: DatasetIdentity
    }

    /// Where it is.
    package let path: String

    private let lock: RunLock

    /// Creates the folder or opens that of the same study, on the same data set, and takes its lock.
    ///
    /// - Throws: ``Failure``, `RunDirectory.Failure` or what the data set throws.
    package init(path: String, study: String, data: DatasetIdentity) throws {
        self.path = path
        let file = path + "/study.json"
        let names = (try? Files.names(in: path)) ?? []
        if names.contains("study.json") {
            let found: Identity
            do {
                found = try JSONDecoder().decode(Identity.self, from: try Files.read(file))
            } catch {
                throw Failure(description: "\(file): expected the name of a study, found another text")
            }
            guard found.study == study else {
                throw Failure(
                    description:
                        "--output \(path): expected a folder of the study \(study), found one of \(found.study)"
                )
            }
            guard found.data == data else {
                throw Failure(
                    description:
                        "--data: expected the \(found.data.name) set on which the study in \(path) was begun, with"
                        + " \(found.data.trainingCount) + \(found.data.testCount) records, found another one:"
                        + " \(data.name), \(data.trainingCount) + \(data.testCount)")
            }
        } else if let other = names.first(where: { $0 != "run.lock" && !$0.hasPrefix(".") }) {
            throw Failure(
                description:
                    "--output \(path): expected a folder of the study \(study), or an empty one, found \(other) there"
            )
        }
        try Self.create(path)
        lock = try RunLock(RunDirectory(path: path), setting: "--output")
        // First of all: whatever else a crash leaves then belongs to this study.
        try RunDirectory(path: path).write(Identity(study: study, data: data), to: file)
        try Self.create(path + "/runs")
        try Self.create(path + "/plots")
    }

    private static func create(_ folder: String) throws(Failure) {
        do throws(FileError) { try Files.createFolder(folder) } catch {
            throw Failure(
                description:
                    "--output \(folder): expected a folder that can be created, found: \(error.reason)")
        }
    }

    /// The folder of a run.
    package func run(_ planned: PlannedRun) -> RunDirectory {
        RunDirectory(path: path + "/runs/" + planned.name)
    }

    /// Reads what a run has left.
    ///
    /// - Throws: What reading it throws.
    func result(
        of planned: PlannedRun, end: RunEnd, measured: [StudyMeasurement.Value]
    ) throws -> RunResult {
        var records: RunRecords?
        if case .notRun = end {} else { records = try RunRecords(path: run(planned).path) }
        return RunResult(
            run: planned.run, seed: planned.seed, settings: planned.settings, end: end,
            epochs: records?.epochs ?? [], diagnostics: records?.diagnostics ?? [], measured: measured)
    }

    /// What was measured before; nil where nothing is there.
    ///
    /// - Throws: ``Failure``.
    static func storedValues(at file: String) throws(Failure) -> [StudyMeasurement.Value]? {
        let data: Data
        do throws(FileError) { data = try Files.read(file) } catch {
            if error.isNotFound { return nil }
            throw Failure(
                description: "\(file): expected a file that can be read, found: \(error.reason)")
        }
        guard let values = try? JSONDecoder().decode([StudyMeasurement.Value].self, from: data) else {
            throw Failure(description: "\(file): expected measured values, found another text")
        }
        return values
    }

    /// Writes a file, whole or not at all.
    ///
    /// - Throws: ``Failure``.
    package func write(_ text: String, to name: String) throws(Failure) {
        do throws(FileError) {
            try Files.replace(path + "/" + name, with: Data(text.utf8))
        } catch {
            throw Failure(
                description:
                    "\(path)/\(name): expected a file that can be written, found: \(error.reason)")
        }
    }
}

/// What becomes of a run when a study comes to it.
package enum FoundRun {
    /// It has ended before.
    case ended(RunEnd)
    /// It goes on from a checkpoint, or from the beginning where it has none.
    case underWay(ResumePoint)
    /// Nothing of it is there.
    case nothing

    /// Looks at a run's folder.
    ///
    /// - Throws: ``StudyFolder/Failure`` where it was trained with other settings, or what reading it throws.
    package init(_ planned: PlannedRun, at directory: RunDirectory) throws {
        guard directory.holdsRun else {
            self = .nothing
            return
        }
        func check(_ stored: TrainingConfiguration) throws {
            let differences = planned.configuration.allDifferences(from: stored)
            guard differences.isEmpty else {
                throw StudyFolder.Failure(
                    description:
                        "\(directory.path): expected a run with the settings of this study, found others: "
                        + differences.map(\.description).joined(separator: ", ")
                        + "; give another --output")
            }
        }
        if let end = directory.storedEnd, let stored = directory.storedConfiguration {
            try check(stored)
            self = .ended(end)
        } else {
            let point = try ResumePoint(run: directory, output: directory.path)
            try check(point.configuration)
            try point.checkTensors()
            self = .underWay(point)
        }
    }
}

extension RunDirectory {
    /// `diverged.json`: how a run of a study diverged.
    private var divergence: String { path + "/diverged.json" }

    /// How the run ended, if it did.
    var storedEnd: RunEnd? {
        if let summary = storedSummary { return .finished(summary) }
        guard let data = try? Files.read(divergence) else { return nil }
        return try? JSONDecoder().decode(RunEnd.self, from: data)
    }

    /// Records how a run ended that has no summary.
    ///
    /// - Throws: `RunDirectory.Failure`.
    func record(divergence end: RunEnd) throws { try write(end, to: divergence) }
}
