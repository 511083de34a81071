import ArgumentParser
import Datasets
import Foundation

/// Where the images are.
struct DataOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A folder or archive of CIFAR-10, binary or python version, or the word synthetic. (default: $DP_TRAIN_DATA,"
                + " else ./data, else the synthetic set)",
            valueName: "path"))
    var data: String?

    /// Opens the data set.
    func locate(seed: UInt64) throws -> any ImageDataset {
        try DatasetLocator.locate(
            path: data, environment: ProcessInfo.processInfo.environment,
            currentDirectory: FileManager.default.currentDirectoryPath, syntheticSeed: seed)
    }
}
