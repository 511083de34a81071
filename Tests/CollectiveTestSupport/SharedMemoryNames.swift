public import Foundation

/// The names of shared memory objects that this program makes, as far as the system shows
/// them: Linux does.
public enum SharedMemoryNames {
    private static let folder = "/dev/shm"

    /// The names made by any of the given processes.
    public static func left(
        by processes: [Int32] = [ProcessInfo.processInfo.processIdentifier]
    ) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { name in processes.contains { name.hasPrefix("dp-train-\($0)-") } }
    }
}
