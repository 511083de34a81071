internal import Checkpoints
internal import Datasets
internal import Digests
internal import DurableFiles
internal import Foundation
internal import Tensors

/// Whitened records in a folder beside their data set, from which any number of runs read.
///
/// The folder appears at once, complete, and bears a name that follows from all that its contents do. It holds
///
/// - `map.safetensors`: the map, `weights` [d, d] and `offsets` [d], with what it follows from, its SHA-256 and that of the
///   records in the metadata,
/// - `records`: for each split, training and test, the whitened images one behind the other; then its labels, a byte each;
///   then the fingerprints of the records as they were before, 8 bytes each, little endian.
final class WhitenedFiles: Sendable {
    /// The folder, below that of the data set, or of its archive, in which all whitened records are.
    static let folderName = "whitened"
    private static let mapName = "map.safetensors"
    private static let recordsName = "records"

    /// Why a folder is not used.
    struct Damage: Error {
        let expected: String
        let found: String
    }

    /// Of one split.
    struct Split: Sendable {
        let count: Int
        /// Where its images begin.
        let start: Int
        let labels: [UInt8]
        let fingerprints: [UInt64]
    }

    /// The SHA-256 of the map.
    let mapSHA256: String
    /// The SHA-256 of the records.
    let recordsSHA256: String

    private let folder: String
    private let file: RegularFile
    private let imageBytes: Int
    private let training: Split
    private let test: Split

    func split(_ split: DatasetSplit) -> Split { split == .training ? training : test }

    /// Opens the records of an origin; nil where there is nothing.
    ///
    /// - Parameters:
    ///   - folder: The folder.
    ///   - origin: What they have to follow from.
    ///   - verified: Whether all bytes are held against their digests, and not just the sizes.
    /// - Throws: ``Damage``.
    init?(_ folder: String, of origin: WhiteningOrigin, verified: Bool) throws {
        guard FileManager.default.fileExists(atPath: folder) else { return nil }
        let d = origin.channels * origin.height * origin.width
        let map = try Self.readMap(folder, d)
        func value(_ key: String) throws -> String {
            guard let value = map.metadata[key] else {
                throw Damage(expected: "\(key) in \(Self.mapName)", found: "none")
            }
            return value
        }
        guard try value("follows_from") == origin.text else {
            throw Damage(expected: "what follows from \(origin.text)", found: try value("follows_from"))
        }
        (mapSHA256, recordsSHA256) = (try value("map_sha256"), try value("records_sha256"))
        if verified {
            let found = try Self.map(map, d).sha256
            guard found == mapSHA256 else {
                throw Damage(expected: "a map with SHA-256 \(mapSHA256)", found: found)
            }
        }
        do {
            let file = try RegularFile(folder + "/" + Self.recordsName)
            let counts = [origin.trainingCount, origin.testCount]
            let size = counts.reduce(0) { $0 + $1 * (d + 1 + 8) }
            guard file.size == size else {
                throw Damage(expected: "\(size) bytes of records", found: "\(file.size)")
            }
            if verified {
                let found = try Self.digest(file)
                guard found == recordsSHA256 else {
                    throw Damage(expected: "records with SHA-256 \(recordsSHA256)", found: found)
                }
            }
            training = try Self.split(file, count: counts[0], start: 0, d)
            test = try Self.split(file, count: counts[1], start: counts[0] * (d + 1 + 8), d)
            self.file = file
        } catch let error as FileError {
            throw Damage(expected: "records that can be read", found: error.description)
        }
        self.folder = folder
        imageBytes = d
    }

    /// Reads images of a split, ascending.
    ///
    /// - Throws: `FileError`, or ``Damage`` where the file has become shorter.
    func images(_ split: DatasetSplit, records: [Int]) throws -> [UInt8] {
        let start = self.split(split).start
        var images = [UInt8](repeating: 0, count: records.count * imageBytes)
        try images.withUnsafeMutableBytes { room in
            var position = 0
            while position < records.count {
                var end = position + 1
                while end < records.count, records[end] == records[end - 1] + 1 { end += 1 }
                try Self.read(
                    file, at: start + records[position] * imageBytes,
                    into: UnsafeMutableRawBufferPointer(
                        rebasing: room[position * imageBytes..<end * imageBytes]))
                position = end
            }
        }
        return images
    }

    /// Reads the map.
    ///
    /// - Throws: ``Damage``, or `AllocationError`.
    func map() throws -> WhiteningMap {
        let map = try Self.map(try Self.readMap(folder, imageBytes), imageBytes)
        guard map.sha256 == mapSHA256 else {
            throw Damage(expected: "a map with SHA-256 \(mapSHA256) in \(folder)", found: map.sha256)
        }
        return map
    }

    private static func readMap(_ folder: String, _ d: Int) throws -> SafetensorsFile {
        do {
            // The numbers, and room for what is said of them.
            return try SafetensorsFile.parse(
                try Files.read(folder + "/" + mapName, limit: 4 * d * (d + 1) + 1 << 16))
        } catch {
            throw Damage(expected: "a map in \(mapName)", found: "\(error)")
        }
    }

    private static func map(_ file: SafetensorsFile, _ d: Int) throws -> WhiteningMap {
        guard let weights = file.tensors.first(where: { $0.name == "weights" && $0.shape == [d, d] }),
            let offsets = file.tensors.first(where: { $0.name == "offsets" && $0.shape == [d] })
        else {
            throw Damage(
                expected: "weights [\(d), \(d)] and offsets [\(d)]",
                found: file.tensors.map { "\($0.name) \($0.shape)" }.joined(separator: ", "))
        }
        let matrix = try SharedMatrix(rows: d, columns: d)
        do {
            try weights.copyFloats(to: matrix.matrix.vector.buffer)
            return WhiteningMap(weights: matrix, offsets: try offsets.floats())
        } catch {
            throw Damage(expected: "a map of Floats", found: error.description)
        }
    }

    private static func split(_ file: RegularFile, count: Int, start: Int, _ d: Int) throws -> Split {
        var labels = [UInt8](repeating: 0, count: count)
        var fingerprints = [UInt64](repeating: 0, count: count)
        try labels.withUnsafeMutableBytes { try read(file, at: start + count * d, into: $0) }
        try fingerprints.withUnsafeMutableBytes { try read(file, at: start + count * (d + 1), into: $0) }
        return Split(
            count: count, start: start, labels: labels,
            fingerprints: fingerprints.map { UInt64(littleEndian: $0) })
    }

    private static func read(
        _ file: RegularFile, at offset: Int, into room: UnsafeMutableRawBufferPointer
    ) throws {
        var done = 0
        while done < room.count {
            let count = try file.read(
                at: offset + done, into: UnsafeMutableRawBufferPointer(rebasing: room[done...]))
            guard count > 0 else {
                throw Damage(
                    expected: "\(room.count) bytes at \(offset) of \(file.path)", found: "\(done)")
            }
            done += count
        }
    }

    private static func digest(_ file: RegularFile) throws -> String {
        var digest = Digest.sha256()
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        var offset = 0
        while offset < file.size {
            let count = min(buffer.count, file.size - offset)
            try buffer.withUnsafeMutableBytes { bytes in
                let part = UnsafeMutableRawBufferPointer(rebasing: bytes[..<count])
                try read(file, at: offset, into: part)
                digest.update(UnsafeRawBufferPointer(part))
            }
            offset += count
        }
        return digest.hexadecimal
    }
}

extension WhitenedFiles {
    /// A folder that is being filled.
    final class Writer {
        private let folder: String
        private let staging: StagingFolder
        private let records: AppendFile
        private let origin: WhiteningOrigin
        private var digest = Digest.sha256()

        /// Begins a folder, in the place of what is there.
        ///
        /// - Throws: `FileError` where nothing can be written there.
        init(_ folder: String, of origin: WhiteningOrigin) throws {
            self.folder = folder
            self.origin = origin
            try Files.createFolder(Files.parent(of: folder))
            try Self.clear(folder)
            staging = try StagingFolder(for: folder)
            records = try staging.file(WhitenedFiles.recordsName)
        }

        /// Adds bytes of the records.
        ///
        /// - Throws: `FileError`.
        func append(_ bytes: UnsafeRawBufferPointer) throws {
            try records.append(bytes)
            digest.update(bytes)
        }

        /// Adds the map and gives the folder its name. Where another run has come first, with the same contents, its folder
        /// stays.
        ///
        /// - Throws: `FileError`, `SafetensorsError`.
        func finish(_ map: WhiteningMap) throws {
            try records.synchronize()
            let d = map.imageBytes
            let file = SafetensorsFile(
                tensors: [
                    try NamedTensor(
                        name: "weights", shape: [d, d],
                        floats: UnsafeBufferPointer(map.weights.matrix.vector.buffer)),
                    try NamedTensor(name: "offsets", shape: [d], floats: map.offsets),
                ],
                metadata: [
                    "follows_from": origin.text, "map_sha256": map.sha256,
                    "records_sha256": digest.hexadecimal,
                ])
            let output = try staging.file(WhitenedFiles.mapName)
            for piece in try file.pieces() { try output.appendContents(of: piece) }
            try output.synchronize()
            do {
                try staging.place()
            } catch {
                guard (try? WhitenedFiles(folder, of: origin, verified: true)) != nil else { throw error }
            }
        }

        /// Takes away what was found to be of no use.
        private static func clear(_ folder: String) throws {
            guard FileManager.default.fileExists(atPath: folder) else { return }
            // Out of the way at once, so that nobody opens half of it.
            let name = "\(folder).damaged-\(String(UInt64.random(in: .min ... .max), radix: 16))"
            try Files.rename(folder, to: name)
            try? FileManager.default.removeItem(atPath: name)
        }
    }
}
