public import ArgumentParser
public import Datasets
import Foundation

/// Where the images are.
struct DataOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A folder or archive of a data set, or the word synthetic. (default: $DP_TRAIN_DATA, else ./data, else the"
                + " synthetic set)",
            valueName: "path"))
    var data: String?

    @Option(
        help: ArgumentHelp(
            "The data set that must be there. (default: whichever is there)",
            valueName: DatasetKind.all.map(\.word).joined(separator: "|")))
    var dataset: DatasetKind?

    func validate() throws {
        if let dataset, data == DatasetLocator.syntheticWord {
            throw ValidationError("--dataset: expected files at --data, found \(dataset.word) and synthetic")
        }
    }

    /// Opens the data set.
    func locate(seed: UInt64) throws -> any ImageDataset {
        try DatasetLocator.locate(
            path: data, kind: dataset, environment: ProcessInfo.processInfo.environment,
            currentDirectory: FileManager.default.currentDirectoryPath, syntheticSeed: seed)
    }
}

extension DatasetKind: ExpressibleByArgument {
    /// The data set of that name.
    public init?(argument: String) {
        guard let kind = Self.all.first(where: { $0.word == argument }) else { return nil }
        self = kind
    }

    /// What may be said.
    public static var allValueStrings: [String] { all.map(\.word) }
    /// The data set's name on the command line.
    public var defaultValueDescription: String { word }
}
