internal import DurableFiles
public import Foundation

/// The right to write to a run directory, which one process at a time has.
///
/// It lasts until the last reference goes, or the process ends, however it ends.
public final class RunLock: Sendable {
    /// The run directory.
    public let directory: RunDirectory
    /// What a person should know: that the file system knows no locks.
    let notes: [String]

    private let lock: FileLock?

    /// Takes the lock of a folder that is there.
    ///
    /// A process that was just killed may take a moment to end, so where another one has the lock it is tried again for
    /// `patience`.
    ///
    /// - Parameters:
    ///   - directory: The run directory.
    ///   - setting: What an error calls it: `--output` or `--resume`.
    ///   - patience: For how long.
    /// - Throws: `RunDirectory.Failure` if another process has it, which the message names, or the folder cannot be written
    ///   to.
    public init(
        _ directory: RunDirectory, setting: String, patience: Duration = .seconds(2)
    ) throws {
        let end = ContinuousClock.now + patience
        while true {
            switch try Self.attempt(directory, setting) {
            case .taken(let lock):
                (self.lock, notes) = (lock, [])
            case .unsupported(let reason):
                lock = nil
                notes = [
                    "\(directory.path) cannot be locked (\(reason)): nothing keeps another process from writing to it"
                ]
            case .held(let holder):
                guard ContinuousClock.now < end else {
                    throw RunDirectory.Failure(
                        description:
                            "\(setting) \(directory.path): expected a run that no process works on, found"
                            + " \(holder) at work on it")
                }
                Thread.sleep(forTimeInterval: 0.1)
                continue
            }
            self.directory = directory
            return
        }
    }

    private static func attempt(_ directory: RunDirectory, _ setting: String) throws -> FileLock.Attempt {
        do throws(FileError) {
            return try FileLock.take(directory.lockFile)
        } catch {
            throw RunDirectory.Failure(
                description: "\(setting) \(directory.path): expected a folder that can be written to, found:"
                    + " \(error.reason)")
        }
    }
}

extension RunDirectory {
    /// Creates the folder for a new run and takes its lock. A folder that is there is taken if it holds no run.
    ///
    /// - Throws: ``Failure`` if it cannot be created, already holds a run, or another process is about to begin one.
    public func create() throws -> RunLock {
        try checkHoldsNoRun()
        do throws(FileError) {
            try Files.createFolder(path)
        } catch {
            throw Failure(
                description: "--output \(path): expected a folder that can be created, found: \(error.reason)"
            )
        }
        let lock = try RunLock(self, setting: "--output")
        // Another process may have been here since.
        try checkHoldsNoRun()
        return lock
    }

    private func checkHoldsNoRun() throws(Failure) {
        guard holdsRun else { return }
        let found = FileLock.holder(of: lockFile).map { "one with \($0) at work on it" } ?? "one"
        throw Failure(
            description: "--output \(path): expected no run there, found \(found); resume it or name another")
    }

    /// Creates the folder of a new run that was given none, and takes its lock: `runs/2026-11-21T01-45-58`, in local time, or
    /// `runs/2026-11-21T01-45-58-2` and so on where that is taken.
    ///
    /// - Throws: ``Failure`` if it cannot be created.
    public static func createTimeStamped(in parent: String = "runs", at date: Date = Date()) throws -> RunLock
    {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.dateFormat = "yyyy-MM-dd'T'HH-mm-ss"
        let first = parent + "/" + formatter.string(from: date)
        var path = first
        do throws(FileError) {
            try Files.createFolder(parent)
            var number = 1
            // It belongs to the process that made it, and to no other that began within this second.
            while try !Files.createNewFolder(path) {
                number += 1
                path = "\(first)-\(number)"
            }
        } catch {
            throw Failure(
                description: "--output \(path): expected a folder that can be created, found: \(error.reason)"
            )
        }
        return try RunLock(RunDirectory(path: path), setting: "--output")
    }
}
