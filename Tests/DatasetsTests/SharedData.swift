import Foundation

/// Data that lies beside the package where the developers have it.
enum SharedData {
    static var folder: String {
        ProcessInfo.processInfo.environment["DP_TRAIN_TEST_DATA"]
            ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../../shared/data").standardized.path
    }

    static var truncatedBatch: String? { existing("truncated/test_batch") }
    static var archive: String? { existing("cifar-10-binary.tar.gz") }

    private static func existing(_ name: String) -> String? {
        let path = folder + "/" + name
        return FileManager.default.fileExists(atPath: path) ? path : nil
    }
}
