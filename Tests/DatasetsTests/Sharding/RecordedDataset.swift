import Datasets
import Synchronization

/// A set in memory whose every pixel is known, and which remembers what was read.
final class RecordedDataset: ImageDataset {
    struct Failure: Error {}

    let name = "recorded set"
    let location = "in memory"
    let format = ImageFormat.cifar10
    private let size: Int
    private let failing: Int?
    private let log = Mutex<[[Int]]>([])

    /// The records of each call to `read`.
    var reads: [[Int]] { log.withLock { $0 } }

    /// A set of `size` training records, of which `failing` cannot be read.
    init(size: Int, failing: Int? = nil) {
        self.size = size
        self.failing = failing
    }

    func count(of split: DatasetSplit) -> Int { split == .training ? size : 0 }

    static func label(_ record: Int) -> UInt8 { UInt8(record * 7 % 10) }

    static func pixel(_ record: Int, _ index: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: record * 37 + index * 11 + index / 1024 * 29)
    }

    static func fingerprint(_ record: Int) -> UInt64 { UInt64(record + 1) &* 0x9e37_79b9_7f4a_7c15 }

    func read(_ split: DatasetSplit, records: [Int]) throws -> ImageRecords {
        log.withLock { $0.append(records) }
        if let failing, records.contains(failing) { throw Failure() }
        return ImageRecords(
            pixels: records.flatMap { record in (0..<3072).map { Self.pixel(record, $0) } },
            labels: records.map(Self.label),
            fingerprint: records.reduce(0) { $0 &+ Self.fingerprint($1) })
    }
}
