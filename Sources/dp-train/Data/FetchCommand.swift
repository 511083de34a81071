import CommandLineSupport
import ArgumentParser
import Datasets
import Foundation

/// `dp-train data fetch`: downloads CIFAR-10.
struct FetchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fetch",
        abstract: "Download CIFAR-10, check it, and unpack it.",
        discussion: """
            A download that was broken off is taken up where it stopped. The archive appears under its name \
            once its MD5 is right.
            """)

    /// The versions of CIFAR-10, as the command line names them.
    enum Format: String, CaseIterable, ExpressibleByArgument {
        case binary, python

        var version: ArchiveDataset.Version { self == .binary ? .binary : .python }
    }

    @Option(help: "The version of CIFAR-10.")
    var format = Format.binary

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
        try DatasetDownloader(version: format.version, folder: directory, url: url, md5: md5)
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
        let folder = URL(fileURLWithPath: directory).appendingPathComponent(format.version.folder).path
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
