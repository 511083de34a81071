public import ArgumentParser
public import Datasets
import Foundation

/// `dp-train data fetch`: downloads CIFAR.
struct FetchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fetch",
        abstract: "Download a data set, check it, and unpack it.",
        discussion: """
            A download that was broken off is taken up where it stopped. The archive appears under its name \
            once its MD5 is right.
            """)

    @Option(help: "The data set.")
    var dataset = CIFARSet.cifar10

    @Option(help: "Its version.")
    var format = CIFARSet.Version.binary

    @Option(help: ArgumentHelp("The folder for it.", valueName: "folder"))
    var directory = "data"

    @Option(help: ArgumentHelp("Download from here instead, e.g. from a mirror.", valueName: "address"))
    var url: String?

    @Option(
        help: ArgumentHelp(
            "The MD5 that the archive must have, if not the official one.", valueName: "digits"))
    var md5: String?

    @Flag(inversion: .prefixedNo, help: "Unpack the archive beside itself.")
    var unpack = true

    private func downloader() throws -> DatasetDownloader {
        try DatasetDownloader(dataset.publication(format), folder: directory, url: url, md5: md5)
    }

    func validate() throws {
        do {
            _ = try downloader()
        } catch {
            throw ValidationError("\(error)")
        }
    }

    func run() async throws {
        let downloader = try downloader()
        let display = ProgressDisplay()
        let outcome: DatasetDownloader.Outcome
        do {
            outcome = try await downloader.download { display.show($0) }
        } catch {
            display.finish()
            throw error
        }
        display.finish()
        switch outcome {
        case .alreadyPresent:
            print("\(downloader.archivePath) is there already; its MD5 is right")
        case .downloaded(let resumedFrom):
            let resumed = resumedFrom > 0 ? ", resumed from byte \(resumedFrom.grouped)" : ""
            print("downloaded \(downloader.archivePath)\(resumed); its MD5 is right")
        }
        if unpack { try unpackArchive(downloader.archivePath) }
    }

    private func unpackArchive(_ archive: String) throws {
        let folder = URL(fileURLWithPath: directory).appendingPathComponent(
            dataset.publication(format).folder
        ).path
        let contents = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        if !contents.isEmpty {
            // What is there counts if it is whole; opening it tells.
            guard let dataset = try DatasetLocator.open(folder) else {
                throw DatasetError(
                    operation: "unpacking to", location: folder, expected: "nothing there, or the data set",
                    found: "a folder with other files in it")
            }
            print("\(dataset.location) is there already")
            return
        }
        print("unpacked \(try ArchiveUnpacker.unpack(archive, into: directory))")
    }
}

extension CIFARSet.Version: ExpressibleByArgument {}

extension CIFARSet: ExpressibleByArgument {
    /// The set of that name.
    public init?(argument: String) {
        guard let set = Self.all.first(where: { $0.word == argument }) else { return nil }
        self = set
    }

    /// What may be said.
    public static var allValueStrings: [String] { all.map(\.word) }
    /// The set's name on the command line.
    public var defaultValueDescription: String { word }
}
