public import Collectives
public import Datasets
internal import DurableFiles
internal import Foundation
public import Tensors

/// A data set whose images are whitened: read from files beside it where they could be kept, else mapped as they are read.
///
/// Numbers, labels and fingerprints of the records are those of the data set itself.
public struct WhitenedDataset: ImageDataset {
    private enum Source: Sendable {
        case files(WhitenedFiles)
        case map(WhiteningMap, threads: Int)
    }

    /// The data set before.
    public let base: any ImageDataset
    /// The SHA-256 of the map.
    public let sha256: String
    /// Where it comes from, in a phrase: "computed in 20.1 s, …".
    public let course: String
    private let source: Source

    /// That of the data set.
    public var name: String { base.name }
    /// That of the data set.
    public var location: String { base.location }
    /// What the whitened images are.
    public var format: ImageFormat { base.format.whitened }

    /// The number of records of a split.
    public func count(of split: DatasetSplit) -> Int { base.count(of: split) }

    /// Reads records, whitened, with the fingerprint that they have in the data set.
    ///
    /// - Throws: `DatasetError`, as the data set itself.
    public func read(_ split: DatasetSplit, records: [Int]) throws -> ImageRecords {
        switch source {
        case .map(let map, let threads):
            var read = try base.read(split, records: records)
            let team = WorkerTeam(upTo: threads)
            _ = read.pixels.withUnsafeMutableBufferPointer { map.whiten($0, team) }
            return read
        case .files(let files):
            let known = files.split(split)
            var next = 0
            for record in records {
                guard record >= next, record < known.count else {
                    throw DatasetError(
                        operation: "reading whitened \(split.rawValue) records of", location: location,
                        expected: "ascending, distinct indices below \(known.count)", found: "index \(record)"
                    )
                }
                next = record + 1
            }
            do {
                return ImageRecords(
                    pixels: try files.images(split, records: records),
                    labels: records.map { known.labels[$0] },
                    fingerprint: records.reduce(0) { $0 &+ known.fingerprints[$1] })
            } catch {
                throw DatasetError(
                    operation: "reading whitened records of", location: location,
                    expected: "those that were found when they were opened", found: "\(error)")
            }
        }
    }

    /// The map, for images from elsewhere.
    ///
    /// - Throws: What reading it throws.
    public func map() throws -> WhiteningMap {
        switch source {
        case .map(let map, _): map
        case .files(let files): try files.map()
        }
    }
}

// MARK: - Finding or making it

extension WhitenedDataset {
    /// What a checkpoint knows of the whitening that its model was trained with.
    public struct Expectation: Sendable {
        /// The fingerprint of all records of the data set, as they are in its files.
        public let fingerprint: UInt64
        /// The map's SHA-256.
        public let sha256: String
        /// The checkpoint, for messages.
        public let origin: String

        /// What is expected.
        public init(fingerprint: UInt64, sha256: String, origin: String) {
            (self.fingerprint, self.sha256, self.origin) = (fingerprint, sha256, origin)
        }
    }

    /// Records as they are in the data set, of which each rank has a share.
    private struct Share {
        let split: DatasetSplit
        let count: Int
        let range: Range<Int>
        var records: ImageRecords

        /// Where its records are that are among `training`.
        func places(of training: [Int]) -> [Int] {
            training.compactMap { range.contains($0) ? $0 - range.lowerBound : nil }
        }

        /// The fingerprint of each record, as bytes.
        var fingerprints: [UInt8] {
            let fingerprint = RecordFingerprint(split: split)
            let size = records.pixels.count / max(1, records.count)
            return range.enumerated().flatMap { place, record in
                let value = fingerprint.value(
                    record: record, label: records.labels[place],
                    pixels: records.pixels[place * size..<(place + 1) * size])
                return withUnsafeBytes(of: value.littleEndian) { Array($0) }
            }
        }
    }

    /// The bytes of memory that a rank writes at least where the map has to be computed, given back before this returns.
    ///
    /// - Parameters:
    ///   - format: What the images are.
    ///   - training: The number of those that the map follows from.
    ///   - records: The number of all.
    ///   - ranks: The ranks.
    public static func memory(format: ImageFormat, training: Int, records: Int, ranks: Int) -> Double {
        let d = Double(format.imageBytes)
        let n = min(d, Double(training))
        // Three matrices of an iteration and the triangles of two; fewer images than pixels are there themselves, twice, and
        // the map's matrix.
        let iteration = 8 * (3 * n * n + n * n)
        let images = n < d ? 8 * (2 * n * d + d * d + d * d / 2) : 0
        return iteration + images + d * Double(records / ranks)
    }

    /// Finds the whitened records beside the data set, or computes the map and keeps them there. Where that is not possible,
    /// as with the built-in set, they are computed as they are read. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - base: The data set, the same on every rank.
    ///   - training: The training records that the map follows from, ascending.
    ///   - epsilon: ε.
    ///   - keeps: Whether what has to be computed may be written beside the data set.
    ///   - expected: What it has to be, if that is known; the same on every rank.
    ///   - communicator: The ranks.
    ///   - team: This rank's threads.
    ///   - note: Told on rank 0 what people should know.
    /// - Throws: An `AgreedFailure` where reading fails on any rank, there is no memory, or it is not what was expected; the
    ///   communicator's error.
    public static func open(
        _ base: any ImageDataset, training: [Int], epsilon: Double, keeps: Bool = true,
        expected: Expectation? = nil, communicator: any Communicator, team: WorkerTeam,
        note: (String) -> Void
    ) throws -> WhitenedDataset {
        let clock = ContinuousClock()
        let start = clock.now
        let isRoot = communicator.rank == 0
        guard base.count(of: .training) <= PixelMoments.mostImages else {
            throw WhiteningFailure(
                description: "--whiten: expected at most \(PixelMoments.mostImages) training records, found"
                    + " \(base.count(of: .training)) (\(base.location))", shouldReport: isRoot)
        }
        var shares = try communicator.agree(on: "reading the records to be whitened") {
            try DatasetSplit.allCases.map { split in
                let count = base.count(of: split)
                let range = Range(part: communicator.rank, of: communicator.size, dividing: count)
                return Share(
                    split: split, count: count, range: range,
                    records: try base.read(split, records: Array(range)))
            }
        }
        var sums = shares.map(\.records.fingerprint)
        try communicator.allreduce(&sums, .sum)
        if let expected, expected.fingerprint != sums[0] &+ sums[1] {
            throw WhiteningFailure(
                description: "--data \(base.location): expected the records with fingerprint"
                    + " \(String(expected.fingerprint, radix: 16)) that the model of \(expected.origin) was trained on, from"
                    + " which its whitening follows, found \(String(sums[0] &+ sums[1], radix: 16))",
                shouldReport: isRoot)
        }
        let origin = WhiteningOrigin(
            base, training: training, epsilon: epsilon, fingerprints: (sums[0], sums[1]))
        let folder = Self.folder(of: base).map { "\($0)/\(origin.name)" }
        if let found = try find(folder, origin, base, communicator, note) {
            return try found.checked(expected, communicator)
        }

        let (map, computation) = try WhiteningMap.compute(
            own: shares[0].records.pixels, at: shares[0].places(of: training), count: training.count,
            all: { try base.read(.training, records: training).pixels }, format: base.format,
            epsilon: epsilon, Workers(communicator, team))
        try compare([map.sha256], "a computed whitening", communicator)
        let course =
            "computed in \(seconds(clock.now - start)) s, \(computation.iterations) steps, |W (C + ε I) W − I| ≤ "
            + String(format: "%.1e", computation.residual)
        let computed = try WhitenedDataset(
            base: base, sha256: map.sha256, course: "\(course), for this run alone",
            source: .map(map, threads: team.threadCount)
        ).checked(expected, communicator)
        guard let folder, keeps else { return computed }
        if let reason = try keep(&shares, map, folder, origin, communicator, team) {
            if isRoot { note("the whitened images are not kept in \(folder): \(reason)") }
            return computed
        }
        // Read as by every other run.
        guard let files = try? WhitenedFiles(folder, of: origin, verified: false) else { return computed }
        return WhitenedDataset(
            base: base, sha256: map.sha256,
            course: "\(course), kept in \(folder) after \(seconds(clock.now - start)) s",
            source: .files(files))
    }

    private static func seconds(_ duration: Duration) -> String {
        String(format: "%.1f", duration / .seconds(1))
    }

    /// Where what follows from a data set is kept; nil where it has no files.
    private static func folder(of base: any ImageDataset) -> String? {
        guard base is any FileDataset else { return nil }
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: base.location, isDirectory: &isFolder) else {
            return nil
        }
        let parent = isFolder.boolValue ? base.location : Files.parent(of: base.location)
        return "\(parent)/\(WhitenedFiles.folderName)"
    }

    private func checked(_ expected: Expectation?, _ communicator: any Communicator) throws -> WhitenedDataset
    {
        guard let expected, expected.sha256 != sha256 else { return self }
        throw WhiteningFailure(
            description: "--data \(location): expected the whitening with SHA-256 \(expected.sha256) of"
                + " \(expected.origin), found \(sha256)", shouldReport: communicator.rank == 0)
    }

    /// Opens what is kept, if it is on every node. The first rank of each holds it against its digests. Collective.
    private static func find(
        _ folder: String?, _ origin: WhiteningOrigin, _ base: any ImageDataset,
        _ communicator: any Communicator, _ note: (String) -> Void
    ) throws -> WhitenedDataset? {
        let isLeader = communicator.placement.localRank == 0
        var damage = ""
        func attempt(verified: Bool) -> WhitenedFiles? {
            guard let folder else { return nil }
            do {
                return try WhitenedFiles(folder, of: origin, verified: verified)
            } catch let error as WhitenedFiles.Damage {
                damage = "expected \(error.expected), found \(error.found)"
            } catch {
                damage = "\(error)"
            }
            return nil
        }
        var files = isLeader ? attempt(verified: true) : nil
        let isWhole = try communicator.allreduce(Int64(isLeader && files == nil ? 0 : 1), .minimum) == 1
        if isWhole, !isLeader { files = attempt(verified: false) }
        let isOpen = try communicator.allreduce(Int64(files == nil ? 0 : 1), .minimum) == 1
        let found = try communicator.allgather(text: damage)
        if let first = found.firstIndex(where: { !$0.isEmpty }), let folder, communicator.rank == 0 {
            note("\(folder): not used and made anew: \(found[first]) (rank \(first))")
        }
        guard isOpen, let files else { return nil }
        try compare([files.mapSHA256, files.recordsSHA256], "the whitening in \(folder ?? "")", communicator)
        return WhitenedDataset(
            base: base, sha256: files.mapSHA256, course: "found in \(folder ?? "")", source: .files(files))
    }

    /// Checks that all ranks have the same. Collective: every rank must call it.
    private static func compare(
        _ digests: [String], _ what: String, _ communicator: any Communicator
    ) throws {
        let all = try communicator.allgather(text: digests.joined(separator: " "))
        guard let other = all.firstIndex(where: { $0 != all[0] }) else { return }
        let placement = communicator.placement
        throw WhiteningFailure(
            description:
                "\(what): expected the same on all ranks, found \(all[0]) on rank 0 and \(all[other]) on rank"
                + " \(other) (host \(placement.hostNames[placement.nodeOfRank[other]]))",
            shouldReport: communicator.rank == 0)
    }

    /// Whitens all records, and has the first rank of each node write them. Collective: every rank must call it.
    ///
    /// - Returns: Why it could not be done on this rank's node or on another; nil if it was.
    private static func keep(
        _ shares: inout [Share], _ map: WhiteningMap, _ folder: String, _ origin: WhiteningOrigin,
        _ communicator: any Communicator, _ team: WorkerTeam
    ) throws -> String? {
        let isLeader = communicator.placement.localRank == 0
        var failure = ""
        var writer: WhitenedFiles.Writer?
        func attempt(_ body: () throws -> Void) {
            do { try body() } catch {
                if failure.isEmpty {
                    failure = (error as? any LocalizedError)?.errorDescription ?? "\(error)"
                }
                writer = nil
            }
        }
        if isLeader {
            attempt {
                // Another run may have come first.
                let other = try? WhitenedFiles(folder, of: origin, verified: true)
                if other?.mapSHA256 != map.sha256 { writer = try WhitenedFiles.Writer(folder, of: origin) }
            }
        }
        guard try communicator.allreduce(Int64(writer == nil ? 0 : 1), .maximum) == 1 else {
            return try firstFailure(failure, communicator)
        }
        for index in shares.indices {
            let fingerprints = shares[index].fingerprints
            let labels = shares[index].records.labels
            _ = shares[index].records.pixels.withUnsafeMutableBufferPointer { map.whiten($0, team) }
            for (bytes, size) in [
                (shares[index].records.pixels, map.imageBytes), (labels, 1), (fingerprints, 8),
            ] {
                let counts = (0..<communicator.size).map { rank in
                    Range(part: rank, of: communicator.size, dividing: shares[index].count).count * size
                }
                try forEachPiece(bytes, of: counts, communicator) { piece in
                    if let writer { attempt { try writer.append(piece) } }
                }
            }
        }
        if let writer { attempt { try writer.finish(map) } }
        return try firstFailure(failure, communicator)
    }

    /// The first failure of any rank, with the rank; nil without any. Collective: every rank must call it.
    private static func firstFailure(_ own: String, _ communicator: any Communicator) throws -> String? {
        let all = try communicator.allgather(text: own)
        return all.firstIndex { !$0.isEmpty }.map {
            communicator.size == 1 ? all[$0] : "rank \($0): \(all[$0])"
        }
    }

    /// Calls `body` on every rank with the bytes of all, one rank behind the other, a piece at a time. Collective: every rank
    /// must call it.
    private static func forEachPiece(
        _ own: [UInt8], of counts: [Int], _ communicator: any Communicator,
        _ body: (UnsafeRawBufferPointer) -> Void
    ) throws {
        let largestPiece = 1 << 24
        var room = [UInt8](repeating: 0, count: min(largestPiece, counts.max() ?? 0))
        for (rank, count) in counts.enumerated() {
            for first in stride(from: 0, to: count, by: largestPiece) {
                let range = first..<min(first + largestPiece, count)
                if rank == communicator.rank {
                    room.replaceSubrange(0..<range.count, with: own[range])
                }
                try room.withUnsafeMutableBufferPointer { bytes in
                    let piece = UnsafeMutableBufferPointer(rebasing: bytes[..<range.count])
                    if communicator.size > 1 { try communicator.broadcast(piece, root: rank) }
                    body(UnsafeRawBufferPointer(piece))
                }
            }
        }
    }
}
