import Collectives
import Datasets
import FileTestSupport
import Tensors
import Whitening

/// Images whose neighbouring pixels are much alike, as those of photographs are, of a set that pretends to have files.
struct CorrelatedImages: FileDataset {
    let name = "correlated images"
    let location: String
    let format: ImageFormat
    var trainingCount = 40
    var testCount = 9
    var seed: UInt64 = 1

    /// More bytes than a strip of a symmetric matrix has columns, and no multiple of them.
    static let wide = ImageFormat(
        name: "wide", channels: 2, height: 10, width: 21, classNames: ["a", "b", "c"], mean: [0.5, 0.4],
        standardDeviation: [0.2, 0.25])
    static let tiny = ImageFormat(
        name: "tiny", channels: 1, height: 5, width: 6, classNames: ["a", "b", "c"], mean: [0.5],
        standardDeviation: [0.25])

    func files(of split: DatasetSplit) -> [DatasetFile] { [] }
    func officialCountPerClass(of split: DatasetSplit) -> Int? { nil }
    func count(of split: DatasetSplit) -> Int { split == .training ? trainingCount : testCount }

    func read(_ split: DatasetSplit, records: [Int]) throws -> ImageRecords {
        let fingerprint = RecordFingerprint(split: split)
        var read = ImageRecords(pixels: [], labels: [], fingerprint: 0)
        for record in records {
            let image = image(split, record)
            let label = UInt8(record % 3)
            read.pixels += image
            read.labels.append(label)
            read.fingerprint &+= fingerprint.value(record: record, label: label, pixels: image[...])
        }
        return read
    }

    private func image(_ split: DatasetSplit, _ record: Int) -> [UInt8] {
        var generator = SeededGenerator(state: seed << 40 ^ UInt64(record) << 1 ^ (split == .test ? 1 : 0))
        let light = Int.random(in: 60...190, using: &generator)
        var number = light
        return (0..<format.imageBytes).map { _ in
            number += (light - number) / 4 + Int.random(in: -20...20, using: &generator)
            return UInt8(clamping: number)
        }
    }

    /// Whitens it by the training records but the first.
    func whitened(
        over communicator: any Communicator = SingleProcessCommunicator(), threads: Int = 1,
        epsilon: Double = 0.1, keeps: Bool = true, expected: WhitenedDataset.Expectation? = nil,
        note: (String) -> Void = { _ in }
    ) throws -> WhitenedDataset {
        try WhitenedDataset.open(
            self, training: Array(1..<trainingCount), epsilon: epsilon, keeps: keeps, expected: expected,
            communicator: communicator, team: WorkerTeam(threadCount: threads), note: note)
    }
}

extension ImageDataset {
    /// All records of both splits.
    func all() throws -> [ImageRecords] {
        try DatasetSplit.allCases.map { try read($0, records: Array(0..<count(of: $0))) }
    }
}
