internal import DurableFiles
internal import Foundation

/// A folder of checkpoints, `step-00000390.safetensors.zst` and so on, of which every one is whole or recognised as
/// damaged, whenever the process or the machine stops.
///
/// One process writes to a folder at a time.
public struct CheckpointStore: Sendable {
    /// A checkpoint in the folder.
    public struct Entry: Sendable, Equatable {
        /// Completed steps, from the name.
        public let step: Int
        /// Where the file lies.
        public let path: String
        /// The file's name.
        public var name: String { CheckpointStore.name(step: step) }
    }

    /// What `restoreNewest` found.
    public struct Restored: Sendable {
        /// The newest readable checkpoint.
        public let checkpoint: Checkpoint
        /// Its file.
        public let entry: Entry
        /// Newer ones that were damaged, newest first: they were renamed and should be reported.
        public let damaged: [DamagedCheckpoint]
    }

    private static let prefix = "step-"
    private static let suffix = ".safetensors.zst"
    private static let damagedSuffix = ".damaged"

    /// The folder.
    public let directory: String

    /// A store in `directory`, which need not exist yet; nothing is read or written.
    public init(directory: String) { self.directory = directory }

    /// The name of the checkpoint after `step` steps: `step-00000390.safetensors.zst`, at least 8 digits.
    public static func name(step: Int) -> String {
        let digits = String(step)
        return prefix + String(repeating: "0", count: max(0, 8 - digits.count)) + digits + suffix
    }

    /// Where the checkpoint after `step` steps lies or would lie.
    public func path(step: Int) -> String { path(Self.name(step: step)) }

    /// Creates the folder if need be and removes temporary files that a crash left behind.
    ///
    /// - Returns: The names of the removed files.
    /// - Throws: `CheckpointError.file`.
    @discardableResult
    public func openForWriting() throws(CheckpointError) -> [String] {
        do throws(FileError) {
            try Files.createFolder(directory)
            var removed: [String] = []
            for name in try Files.names(in: directory) where Self.isTemporary(name) {
                try Files.remove(path(name))
                removed.append(name)
            }
            return removed
        } catch {
            throw .file(error)
        }
    }

    /// Returns the checkpoints in the folder, ascending by step; none if the folder does not exist.
    ///
    /// - Throws: `CheckpointError.file`.
    public func list() throws(CheckpointError) -> [Entry] {
        do throws(FileError) {
            return try Files.names(in: directory).compactMap { name in
                Self.step(of: name).map { Entry(step: $0, path: path(name)) }
            }.sorted { $0.step < $1.step }
        } catch {
            if error.isNotFound { return [] }
            throw .file(error)
        }
    }

    /// The names of damaged checkpoints that were set aside by ``restoreNewest()``; none if the folder cannot be read.
    public var damagedNames: [String] {
        ((try? Files.names(in: directory)) ?? []).filter {
            $0.hasSuffix(Self.damagedSuffix)
                && Self.step(of: String($0.dropLast(Self.damagedSuffix.count))) != nil
        }
    }

    /// Encodes `checkpoint` and puts it in the folder under the name of its step, atomically.
    ///
    /// - Returns: The entry and the size of the file in bytes.
    /// - Throws: `CheckpointError`, as when the disk is full; there is then no temporary file left, and a checkpoint
    ///   of the same step that was there before is untouched.
    @discardableResult
    public func write(
        _ checkpoint: Checkpoint, level: Int = 1
    ) throws(CheckpointError) -> (entry: Entry, size: Int) {
        let step = checkpoint.metadata.position.step
        let entry = Entry(step: step, path: path(step: step))
        let file: FileReplacement
        do throws(FileError) { file = try FileReplacement(entry.path) } catch { throw .file(error) }
        try CheckpointFile.encode(checkpoint, level: level) { bytes throws(FileError) in
            try file.append(bytes)
        }
        do throws(FileError) { try file.commit() } catch { throw .file(error) }
        return (entry, file.size)
    }

    /// Reads the newest checkpoint that is whole. Damaged newer ones are, if `settingAside`, renamed to `….damaged`, so that
    /// they are not tried again and can be examined.
    ///
    /// Only bytes that were read and are wrong are damage. A file that cannot be read (a failing disk, a network file
    /// system's time-out, no permission, no memory) or used (an unknown format version) is left as it is and not passed
    /// over: to go on from an older one could throw away good work.
    ///
    /// - Throws: `CheckpointError`: `noneFound`, `allDamaged`, `unknownVersion`, `unreadable`, `file`.
    public func restoreNewest(settingAside: Bool = true) throws(CheckpointError) -> Restored {
        try restoreNewest(settingAside: settingAside) { path throws(CheckpointError) in
            try CheckpointFile.read(path)
        }
    }

    /// The same with another way to read a file.
    package func restoreNewest(
        settingAside: Bool = true, reading read: (_ path: String) throws(CheckpointError) -> Checkpoint
    ) throws(CheckpointError) -> Restored {
        var damaged: [DamagedCheckpoint] = []
        for entry in try list().reversed() {
            do throws(CheckpointError) {
                let checkpoint = try read(entry.path)
                guard checkpoint.metadata.position.step == entry.step else {
                    throw CheckpointError.damaged(
                        path: entry.path,
                        reason: "expected step \(entry.step) as in its name, found"
                            + " \(checkpoint.metadata.position.step)")
                }
                return Restored(checkpoint: checkpoint, entry: entry, damaged: damaged)
            } catch {
                if case .file(let error) = error {
                    throw .unreadable(path: entry.path, reason: error.reason)
                }
                guard error.isDamage else { throw error }
                damaged.append(
                    settingAside
                        ? setAside(entry, as: Self.damagedSuffix, reason: error.description)
                        : DamagedCheckpoint(
                            name: entry.name, step: entry.step, reason: error.description, setAsideAs: nil))
            }
        }
        guard damaged.isEmpty else { throw .allDamaged(directory: directory, files: damaged) }
        throw .noneFound(directory: directory)
    }

    /// Removes old checkpoints: all but the newest `keepLast` and those in `protected`.
    ///
    /// - Parameters:
    ///   - keepLast: How many of the newest stay; nil keeps all.
    ///   - protected: Steps whose checkpoints always stay, such as the best one and the one just written.
    /// - Returns: The removed ones.
    /// - Throws: `CheckpointError.file`.
    @discardableResult
    public func applyRetention(keepLast: Int?, protecting protected: Set<Int>) throws(CheckpointError)
        -> [Entry]
    {
        guard let keepLast else { return [] }
        let old = try list().dropLast(max(0, keepLast)).filter { !protected.contains($0.step) }
        do throws(FileError) {
            for entry in old { try Files.remove(entry.path) }
            if !old.isEmpty { try Files.synchronizeFolder(directory) }
        } catch {
            throw .file(error)
        }
        return old
    }

    /// Renames the checkpoints of later steps than `step` to `….superseded`: a run that goes on from `step` writes
    /// its own.
    ///
    /// - Returns: The checkpoints' former entries.
    /// - Throws: `CheckpointError.file`.
    @discardableResult
    public func setAside(after step: Int) throws(CheckpointError) -> [Entry] {
        let later = try list().filter { $0.step > step }
        do throws(FileError) {
            for entry in later { try Files.rename(entry.path, to: entry.path + ".superseded") }
            if !later.isEmpty { try Files.synchronizeFolder(directory) }
        } catch {
            throw .file(error)
        }
        return later
    }

    private func setAside(_ entry: Entry, as suffix: String, reason: String) -> DamagedCheckpoint {
        let newName = entry.name + suffix
        // A folder that cannot be written to must not keep a good checkpoint from being used.
        let isRenamed = (try? Files.rename(entry.path, to: path(newName))) != nil
        return DamagedCheckpoint(
            name: entry.name, step: entry.step, reason: reason, setAsideAs: isRenamed ? newName : nil)
    }

    private func path(_ name: String) -> String { directory + "/" + name }

    /// The step in a checkpoint's name; nil for any other name.
    private static func step(of name: String) -> Int? {
        guard name.hasPrefix(prefix), name.hasSuffix(suffix) else { return nil }
        guard let step = Int(name.dropFirst(prefix.count).dropLast(suffix.count)), step >= 0 else {
            return nil
        }
        return Self.name(step: step) == name ? step : nil
    }

    private static func isTemporary(_ name: String) -> Bool {
        guard name.hasPrefix("."), let end = name.range(of: ".tmp-") else { return false }
        let file = String(name[..<end.lowerBound].dropFirst())
        return step(of: file) != nil && Files.isTemporary(name, of: file)
    }
}
