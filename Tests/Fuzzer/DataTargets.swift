import ArchiveTestSupport
import Datasets
import Foundation
import Training

extension FuzzTarget {
    /// What reads data sets: pickles, tar in gzip, gzip alone, IDX files.
    static func dataTargets(in folder: String) throws -> [FuzzTarget] {
        let pickles = try pickleSeeds()
        let archives = [binaryArchive(), pythonArchive(pickles[0])].map(\.bytes)
        let path = folder + "/archive.tar.gz"
        return [
            FuzzTarget(name: "pickle", seeds: pickles, tokens: pickleTokens) { input in
                let records = try PythonBatch.records(in: input, location: "file")
                try require(
                    records.count > 0 && records.labels.allSatisfy { $0 < 10 }, "labels \(records.labels)")
            },
            FuzzTarget(name: "tar", seeds: archives, tokens: tarTokens) { input in
                // Headers with a wrong checksum get no further, so most get the right one.
                let tar = input.count % 8 == 0 ? input : withChecksums(input)
                try read(gzip(tar + [UInt8](repeating: 0, count: 1024), level: 1), at: path, in: folder)
            },
            FuzzTarget(
                name: "gzip",
                seeds: archives.map { gzip($0 + [UInt8](repeating: 0, count: 1024)) }
                    + [gzip(archives[0]) + gzip([UInt8](repeating: 0, count: 1 << 22))]
            ) { input in
                try read(input, at: path, in: folder)
            },
            try idxTarget(in: folder + "/idx"),
            FuzzTarget(
                name: "checkpoint-interval",
                seeds: bytes(["1", "2epochs", "500steps", "10min", "0.5h", "3 s"]),
                tokens: bytes(["epoch", "step", "sec", ".", "e", "½", "٣"])
            ) { input in
                let text = String(decoding: input, as: UTF8.self)
                guard let interval = CheckpointInterval(text) else {
                    throw ConfigurationError("--checkpoint-every", found: text, expected: "an interval")
                }
                switch interval {
                case .epochs(let count), .steps(let count): try require(count >= 1, "\(text): \(count)")
                case .seconds(let seconds): try require(seconds > 0, "\(text): \(seconds)")
                }
            },
        ]
    }

    /// Goes through an archive as training does, and unpacks it.
    private static func read(_ archive: [UInt8], at path: String, in folder: String) throws {
        try Data(archive).write(to: URL(filePath: path))
        let dataset = try ArchiveDataset(path: path)
        for split in DatasetSplit.allCases {
            let count = dataset.count(of: split)
            let records = try dataset.read(split, records: Array(max(0, count - 40)..<count))
            try require(records.labels.allSatisfy { $0 < 10 }, "labels \(records.labels)")
        }
        let target = folder + "/unpacked"
        try? FileManager.default.removeItem(atPath: target)
        let before = try names(in: folder)
        let unpacked = try ArchiveUnpacker.unpack(path, into: target)
        try require(unpacked.hasPrefix(target + "/cifar-10-batches-"), "unpacked \(unpacked)")
        try require(try names(in: folder).subtracting(before) == ["unpacked"], "files outside of the folder")
    }

    /// An image file of two images beside sound files of the rest.
    private static func idxTarget(in folder: String) throws -> FuzzTarget {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let images: [UInt8] =
            [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28] + [UInt8](repeating: 7, count: 2 * 784)
        let labels: [UInt8] = [0, 0, 8, 1, 0, 0, 0, 2, 3, 9]
        func url(_ name: String) -> URL { URL(filePath: folder + "/" + name) }
        try Data(images).write(to: url("train-images-idx3-ubyte"))
        for split in ["train", "t10k"] { try Data(labels).write(to: url(split + "-labels-idx1-ubyte")) }
        return FuzzTarget(
            name: "idx", seeds: [images], tokens: [[0, 0, 8, 3], [0, 0, 0, 28], [0xFF, 0xFF, 0xFF, 0xFF]]
        ) { input in
            try Data(input).write(to: url("t10k-images-idx3-ubyte"))
            let records = try IDXDirectory(path: folder, format: .mnist).read(.test, records: [0, 1])
            try require(records.pixels.count == 2 * 784 && records.labels == [3, 9], "\(records.labels)")
        }
    }

    private static func names(in folder: String) throws -> Set<String> {
        Set(try FileManager.default.contentsOfDirectory(atPath: folder))
    }

    private static func binaryArchive() -> TarBuilder {
        var tar = TarBuilder()
        tar.add("cifar-10-batches-bin/", [], type: "5")
        for (index, batch) in batches.enumerated() {
            let record = [UInt8(index)] + [UInt8](repeating: UInt8(40 * index), count: 3072)
            if index == 2 { tar.addPaxPath("cifar-10-batches-bin/\(batch).bin") }
            if index == 3 { tar.add("././@LongLink", Array("long/\(batch).bin\0".utf8), type: "L") }
            tar.add("cifar-10-batches-bin/\(batch).bin", record)
        }
        return tar
    }

    private static func pythonArchive(_ pickle: [UInt8]) -> TarBuilder {
        var tar = TarBuilder()
        for batch in batches { tar.add("cifar-10-batches-py/\(batch)", pickle) }
        return tar
    }

    private static let batches = CIFARSet.cifar10.fileNames(.python)
    private static let tarTokens =
        bytes([
            "ustar\0", "././@LongLink", "7777777777\0", "00000000000\0", "12 path=../x\n",
            "22 size=99999999999\n",
            "9999999 path=x\n", "\u{0}", "x", "L", "g", "../../",
        ]) + [[0x80, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0], [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]]

    /// The archive with the right checksum in every header, as far as the sizes lead from one to the next.
    private static func withChecksums(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        var start = 0
        while start + 512 <= bytes.count {
            for place in start + 148..<start + 156 { bytes[place] = 0x20 }
            let sum = String(bytes[start..<start + 512].reduce(0) { $0 + Int($1) }, radix: 8)
            let text = Array((String(repeating: "0", count: max(0, 6 - sum.count)) + sum).utf8) + [0]
            bytes.replaceSubrange(start + 148..<start + 148 + text.count, with: text)
            let digits = bytes[start + 124..<start + 136].prefix { (0x30...0x37).contains($0) }
            let size = Int(String(decoding: digits, as: UTF8.self), radix: 8) ?? 0
            start += 512 + (min(size, 1 << 40) + 511) / 512 * 512
        }
        return bytes
    }

    /// The pickles beside the data sets' own tests, of three records each.
    private static func pickleSeeds() throws -> [[UInt8]] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "DatasetsTests/Fixtures")
        return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
            .filter { $0.hasPrefix("python") && $0.hasSuffix(".pickle") }
            .map { [UInt8](try Data(contentsOf: folder.appending(path: $0))) }
    }

    private static let pickleTokens: [[UInt8]] =
        [
            [0x95, 1, 0, 0, 0, 0, 0, 0, 0], [0x8A, 8, 1, 2, 3, 4, 5, 6, 7, 0xFF], [0x8A, 0], [0x8A, 9],
            [0x4D, 0, 12],
            [0x4A, 0xFF, 0xFF, 0xFF, 0xFF], [0x4B, 3], [0x55, 2, 0x75, 0x31], [0x8C, 1, 0x43],
            [0x58, 6, 0, 0, 0] + Array("latin1".utf8),
            [0x8E, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
            [0x8E, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F], [0x71, 1], [0x72, 0, 0, 0, 0x80],
            [0x68, 1], [0x6A, 0, 0, 0, 0x80], [0x68, 0], [0x71, 0],
        ]
        + [
            "numpy.core.multiarray\n_reconstruct", "numpy\nndarray", "numpy\ndtype", "_codecs\nencode",
            "numpy._core.numeric\n_frombuffer",
        ].map { Array("c\($0)\n".utf8) }
        + "N()01t]}aesuRb.".utf8.map { [$0] } + [0x88, 0x89, 0x85, 0x86, 0x87, 0x94, 0x93].map { [$0] }
}
