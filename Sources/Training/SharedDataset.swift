public import Collectives
public import Datasets
public import Foundation

/// A data set that every rank opens by itself, from its own files, and of which all ranks have the same.
public enum SharedDataset {
    /// Ranks have opened different data sets.
    public struct Mismatch: AgreedFailure, CustomStringConvertible, LocalizedError {
        /// One line that names the data sets, and the ranks and hosts that have each.
        public let description: String
        /// True on rank 0.
        public let shouldReport: Bool
        /// The same as ``description``.
        public var errorDescription: String? { description }
    }

    /// A data set as one rank sees it.
    private struct View: Codable, Hashable {
        let identity: DatasetIdentity
        let location: String

        var description: String {
            let content = String(identity.content, radix: 16)
            return "\(identity.name) (\(location): \(identity.trainingCount) + \(identity.testCount) records,"
                + " fingerprint of some \(content))"
        }
    }

    /// Opens the data set on every rank and compares kind, counts and some of the content. Collective: every rank must call
    /// it.
    ///
    /// - Parameters:
    ///   - communicator: The ranks.
    ///   - open: Opens this rank's.
    /// - Returns: This rank's.
    /// - Throws: An `AgreedFailure`, on all ranks together: ``Mismatch`` where they differ, or what `open` threw on any.
    public static func open(
        over communicator: any Communicator, _ open: () throws -> any ImageDataset
    ) throws -> any ImageDataset {
        let placement = communicator.placement
        let host = placement.hostNames[placement.nodeIndex]
        guard communicator.size > 1 else { return try open() }
        var text = ""
        let dataset = try communicator.agree(on: "opening the data set on host \(host)") {
            let dataset = try open()
            let view = View(identity: try DatasetIdentity(of: dataset), location: dataset.location)
            text = String(decoding: try JSONEncoder().encode(view), as: UTF8.self)
            return dataset
        }
        let views = try communicator.allgather(text: text).map {
            try JSONDecoder().decode(View.self, from: Data($0.utf8))
        }
        guard views.contains(where: { $0.identity != views[0].identity }) else { return dataset }
        let found = views.indices.filter { views.firstIndex(of: views[$0]) == $0 }.map { first in
            let ranks = views.indices.filter { views[$0] == views[first] }
            return "\(views[first].description) on \(placement.names(ofRanks: ranks))"
        }
        throw Mismatch(
            description: "--data: expected the same data set on all ranks, found "
                + found.joined(separator: ", and "),
            shouldReport: communicator.rank == 0)
    }
}
