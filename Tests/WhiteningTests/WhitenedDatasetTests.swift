import Collectives
import CollectivesTesting
import Datasets
import FileTestSupport
import Foundation
import Synchronization
import Tensors
import Testing
import Whitening

/// Whitened images, and how they are kept.
@Suite struct WhitenedDatasetTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func images(
        _ format: ImageFormat = CorrelatedImages.tiny, training: Int = 40
    ) -> CorrelatedImages {
        CorrelatedImages(location: folder.path, format: format, trainingCount: training)
    }

    /// The folder of the only whitening that is kept.
    private func kept() throws -> String {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path("whitened"))
        #expect(names.count == 1, "\(names)")
        return folder.path("whitened/\(names.first ?? "")")
    }

    /// The covariance of the training records but the first, as the network has their numbers.
    private func covariance(_ dataset: any ImageDataset) throws -> [[Double]] {
        let d = dataset.format.imageBytes
        let pixels = try dataset.read(.training, records: Array(1..<dataset.count(of: .training))).pixels
        let n = pixels.count / d
        let rows = (0..<n).map { row in
            (0..<d).map { column in
                let channel = column / dataset.format.planeBytes
                return (Double(pixels[row * d + column]) / 255 - Double(dataset.format.mean[channel]))
                    / Double(dataset.format.standardDeviation[channel])
            }
        }
        let means = (0..<d).map { column in rows.reduce(0) { $0 + $1[column] } / Double(n) }
        return (0..<d).map { p in
            (0..<d).map { q in
                rows.reduce(0) { $0 + ($1[p] - means[p]) * ($1[q] - means[q]) } / Double(n)
            }
        }
    }

    @Test("With a small ε the covariance of the whitened images is about I, where that of the images is not")
    func covariances() throws {
        let images = images(training: 1500)
        let before = try covariance(images)
        #expect(before[0][1] / before[0][0] > 0.5)
        let after = try covariance(images.whitened(epsilon: 1e-3))
        for (p, row) in after.enumerated() {
            for (q, value) in row.enumerated() {
                #expect(abs(value - (p == q ? 1 : 0)) < 0.05, "\(p), \(q)")
            }
        }
    }

    @Test(
        "A byte is what the definition makes of it, with fewer images than pixels and with more",
        arguments: [20, 200])
    func definition(training: Int) throws {
        let images = images(training: training)
        let epsilon = 0.1
        let whitened = try images.whitened(epsilon: epsilon)
        let d = images.format.imageBytes
        // Folded into a layer that changes nothing, the map is W / σ for standardised pixels: (C + ε I) W² = I.
        var identity = [Float](repeating: 0, count: d * d)
        for p in 0..<d { identity[p * d + p] = 1 }
        let folded = try whitened.map().folded(
            weights: identity, biases: [Float](repeating: 0, count: d), format: images.format)
        let w = (0..<d).map { folded.weights[$0 * d..<($0 + 1) * d].map(Double.init) }
        var c = try covariance(images)
        for p in 0..<d { c[p][p] += epsilon }
        func product(_ a: [[Double]], _ b: [[Double]]) -> [[Double]] {
            a.map { row in (0..<d).map { q in (0..<d).reduce(0.0) { $0 + row[$1] * b[$1][q] } } }
        }
        let found = product(c, product(w, w))
        let scale = (0..<d).reduce(0) { $0 + found[$1][$1] } / Double(d)
        #expect(scale > 0)
        for p in 0..<d {
            for q in 0..<d {
                let expected = p == q ? 1.0 : 0
                #expect(abs(found[p][q] / scale - expected) < 1e-3, "\(p), \(q)")
                #expect(abs(w[p][q] - w[q][p]) < 1e-5)
            }
        }
        // The mean of the training images is 0, their deviation 1.
        let pixels = try whitened.read(.training, records: Array(1..<training)).pixels
        let mean = pixels.reduce(0) { $0 + Double($1) - 128 } / Double(pixels.count)
        let squares: Double = pixels.reduce(0) { $0 + (Double($1) - 128) * (Double($1) - 128) }
        let deviation = (squares / Double(pixels.count)).squareRoot()
        #expect(abs(mean) < 0.5)
        #expect(abs(deviation * 4 / 127 - 1) < 0.05)
        #expect(whitened.format.paddingByte == 128 && images.format.paddingByte == 0)
    }

    @Test(
        "Images are whitened to the same bits on any ranks, nodes and threads",
        arguments: [(2, 1, 1), (3, 2, 1), (4, 2, 2), (1, 1, 2)], [100, 500])
    func sameBits(group: (ranks: Int, nodes: Int, threads: Int), training: Int) throws {
        let images = images(CorrelatedImages.wide, training: training)
        let alone = try images.whitened(keeps: false)
        let expected = try alone.all()
        #expect(expected != (try images.all()))
        let found = try ThreadCommunicator.run(size: group.ranks, nodes: group.nodes) { communicator in
            let whitened = try images.whitened(over: communicator, threads: group.threads)
            return (whitened.sha256, try whitened.all(), whitened.course)
        }
        for (sha256, records, course) in found {
            #expect(sha256 == alone.sha256)
            #expect(records == expected)
            #expect(course.contains("kept in"))
        }
        let again = try images.whitened()
        #expect(again.course.hasPrefix("found in "))
        #expect(try again.all() == expected && again.map().sha256 == alone.sha256)
        // Labels and fingerprints are those of the data set.
        #expect(try again.all().map(\.labels) == images.all().map(\.labels))
        #expect(try again.all().map(\.fingerprint) == images.all().map(\.fingerprint))
    }

    @Test("Every instruction set of this CPU whitens to the same bits")
    func instructionSets() async throws {
        await #expect(processExitsWith: .success) {
            for training in [20, 100] {
                let images = CorrelatedImages(
                    location: "", format: CorrelatedImages.tiny, trainingCount: training)
                var found: [[ImageRecords]] = []
                for set in InstructionSet.available {
                    InstructionSet.used = set
                    found.append(try images.whitened(keeps: false).all())
                }
                guard found.allSatisfy({ $0 == found[0] }) else { exit(1) }
            }
        }
    }

    @Test("Some records are those of all, and indices that cannot be are refused, from files and without")
    func someRecords() throws {
        for keeps in [true, false] {
            let whitened = try images().whitened(keeps: keeps)
            let all = try whitened.read(.training, records: Array(0..<40))
            let some = try whitened.read(.training, records: [3, 4, 17, 39])
            #expect(some.labels == [0, 1, 2, 0])
            let d = whitened.format.imageBytes
            let expected = [3, 4, 17, 39].flatMap { Array(all.pixels[$0 * d..<($0 + 1) * d]) }
            #expect(some.pixels == expected)
        }
        let whitened = try images().whitened()
        for records in [[3, 3], [4, 2], [40], [-1]] {
            #expect(throws: DatasetError.self) { try whitened.read(.training, records: records) }
        }
    }

    @Test(
        "Another ε, other records to train on and other images lead to whitenings of their own, side by side")
    func names() throws {
        let whitened = try [
            images().whitened(), images().whitened(epsilon: 0.2), images(training: 41).whitened(),
            CorrelatedImages(location: folder.path, format: CorrelatedImages.tiny, seed: 2).whitened(),
        ]
        #expect(Set(whitened.map(\.sha256)).count == 4)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path("whitened")).count == 4)
        #expect(try images().whitened().sha256 == whitened[0].sha256)
    }

    /// What is done to a kept whitening, given its folder.
    struct Harm: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let harm: @Sendable (String) throws -> Void

        static let all = [
            Harm("a flipped bit of the records") { try change($0 + "/records") { $0[100] ^= 1 } },
            Harm("a flipped bit of a label") { try change($0 + "/records") { $0[40 * 30 + 3] ^= 1 } },
            Harm("records cut short") { try change($0 + "/records") { $0.removeLast() } },
            Harm("no records") { try FileManager.default.removeItem(atPath: $0 + "/records") },
            Harm("a flipped bit of the map") {
                try change($0 + "/map.safetensors") { $0[$0.count - 1000] ^= 1 }
            },
            Harm("a map cut short") { try change($0 + "/map.safetensors") { $0.removeLast(40) } },
            Harm("an empty folder") { folder in
                for name in ["records", "map.safetensors"] {
                    try FileManager.default.removeItem(atPath: folder + "/" + name)
                }
            },
            Harm("the whitening of other images") { folder in
                let parent = URL(filePath: folder).deletingLastPathComponent().path
                let other = CorrelatedImages(
                    location: parent, format: CorrelatedImages.tiny, seed: 9)
                _ = try other.whitened()
                let made = parent + "/whitened"
                let name = try FileManager.default.contentsOfDirectory(atPath: made)[0]
                try FileManager.default.removeItem(atPath: folder)
                try FileManager.default.moveItem(atPath: made + "/" + name, toPath: folder)
                try FileManager.default.removeItem(atPath: made)
            },
        ]

        private init(_ what: String, _ harm: @escaping @Sendable (String) throws -> Void) {
            (testDescription, self.harm) = (what, harm)
        }

        private static func change(_ path: String, _ body: (inout [UInt8]) -> Void) throws {
            var bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
            body(&bytes)
            try Data(bytes).write(to: URL(filePath: path))
        }
    }

    @Test("What is damaged or foreign is made anew, with a note, and never used", arguments: Harm.all)
    func damage(_ harm: Harm) throws {
        let expected = try images().whitened().all()
        try harm.harm(try kept())
        for ranks in [1, 3] {
            if ranks == 3 { try harm.harm(try kept()) }
            let found = try ThreadCommunicator.run(size: ranks) { communicator in
                let notes = Mutex<[String]>([])
                let whitened = try images().whitened(
                    over: communicator, note: { text in notes.withLock { $0.append(text) } })
                return (try whitened.all(), notes.withLock { $0 })
            }
            for (rank, (records, notes)) in found.enumerated() {
                #expect(records == expected)
                #expect(notes.count == (rank == 0 ? 1 : 0) && notes.allSatisfy { $0.contains("made anew") })
            }
            #expect(try images().whitened().course.hasPrefix("found in"))
            _ = try kept()
        }
    }

    @Test("Where nothing can be written the images are whitened for the run alone, with a note")
    func unwritable() throws {
        let expected = try images().whitened(keeps: false).all()
        // A file where the folder would be: that keeps out even those who may write everywhere.
        try Data().write(to: URL(filePath: folder.path("whitened")))
        var notes: [String] = []
        let whitened = try images().whitened(note: { notes.append($0) })
        #expect(try whitened.all() == expected && whitened.map().sha256 == whitened.sha256)
        #expect(notes.count == 1 && notes.allSatisfy { $0.contains("not kept in \(folder.path)") })
        #expect(whitened.course.contains("for this run alone"))
    }

    @Test("Beside an archive a whitening is kept in its folder")
    func archive() throws {
        let path = folder.path("archive.tar.gz")
        try Data().write(to: URL(filePath: path))
        let images = CorrelatedImages(location: path, format: CorrelatedImages.tiny)
        _ = try images.whitened()
        #expect(try kept().hasPrefix(folder.path("whitened/zca-")))
    }

    @Test("Runs that whiten the same set at the same time do not harm one another")
    func atOnce() throws {
        let expected = try images(CorrelatedImages.wide).whitened(keeps: false).all()
        let results = Mutex<[[ImageRecords]]>([])
        let images = images(CorrelatedImages.wide)
        for _ in 0..<3 {
            DispatchQueue.concurrentPerform(iterations: 4) { _ in
                let records = try? images.whitened().all()
                results.withLock { $0.append(records ?? []) }
            }
            #expect(results.withLock { $0.allSatisfy { $0 == expected } })
            #expect(try images.whitened().course.hasPrefix("found in"))
            try FileManager.default.removeItem(atPath: try kept())
        }
    }

    @Test("A whitening that is not the one of a checkpoint is refused, with both digests or fingerprints")
    func expectation() throws {
        let images = images()
        let sha256 = try images.whitened().sha256
        let fingerprint = try images.all().reduce(0) { $0 &+ $1.fingerprint }
        @Sendable func open(_ fingerprint: UInt64, _ sha256: String, over communicator: any Communicator)
            throws
        {
            _ = try images.whitened(
                over: communicator,
                expected: .init(fingerprint: fingerprint, sha256: sha256, origin: "a checkpoint"))
        }
        try open(fingerprint, sha256, over: SingleProcessCommunicator())
        for ranks in [1, 2] {
            let messages = try ThreadCommunicator.run(size: ranks) { communicator in
                [(fingerprint &+ 1, sha256), (fingerprint, "0123")].map { fingerprint, sha256 in
                    do {
                        try open(fingerprint, sha256, over: communicator)
                        return ""
                    } catch { return "\(error)" }
                }
            }
            for found in messages {
                #expect(found[0].contains(String(fingerprint, radix: 16)))
                #expect(found[0].contains(String(fingerprint &+ 1, radix: 16)))
                #expect(found[1].contains(sha256) && found[1].contains("0123"))
            }
        }
    }

    @Test("Training images that are all alike are refused")
    func alike() throws {
        struct Alike: ImageDataset {
            let name = "alike"
            let location = "nowhere"
            let format = CorrelatedImages.tiny
            func count(of split: DatasetSplit) -> Int { 50 }
            func read(_ split: DatasetSplit, records: [Int]) throws -> ImageRecords {
                ImageRecords(
                    pixels: [UInt8](repeating: 77, count: records.count * format.imageBytes),
                    labels: records.map { _ in 0 }, fingerprint: 0)
            }
        }
        for count in [5, 50] {
            let error = #expect(throws: WhiteningFailure.self) {
                try WhitenedDataset.open(
                    Alike(), training: Array(0..<count), epsilon: 0.1,
                    communicator: SingleProcessCommunicator(), team: WorkerTeam(upTo: 1), note: { _ in })
            }
            #expect(error?.description.contains("found \(count) alike") == true)
        }
    }

    @Test("A layer into which the map is folded answers to images as the layer does to whitened ones")
    func folding() throws {
        let images = images(CorrelatedImages.wide, training: 500)
        let whitened = try images.whitened()
        let (d, n) = (images.format.imageBytes, 7)
        var generator = SeededGenerator(state: 4)
        let weights = (0..<n * d).map { _ in Float.random(in: -1...1, using: &generator) }
        let biases = (0..<n).map { _ in Float.random(in: -1...1, using: &generator) }
        let folded = try whitened.map().folded(weights: weights, biases: biases, format: images.format)
        func answers(
            _ image: ArraySlice<UInt8>, _ format: ImageFormat, _ layer: (weights: [Float], biases: [Float])
        ) -> [Double] {
            let numbers = image.enumerated().map { place, byte in
                let channel = place / format.planeBytes
                return (Double(byte) / 255 - Double(format.mean[channel]))
                    / Double(format.standardDeviation[channel])
            }
            return (0..<n).map { row in
                numbers.enumerated().reduce(Double(layer.biases[row])) {
                    $0 + Double(layer.weights[row * d + $1.offset]) * $1.element
                }
            }
        }
        // Half a byte is 0.5 · 4 / 127 deviations; roundings of d pixels add up as those of a random walk.
        let expectedError = (Double(d) / 3).squareRoot() * 4 / 127 / 12.0.squareRoot()
        let (before, after) = (try images.read(.test, records: Array(0..<9)), try whitened.all()[1])
        var compared = 0
        for image in 0..<9 {
            let range = image * d..<(image + 1) * d
            guard !after.pixels[range].contains(where: { $0 == 0 || $0 == 255 }) else { continue }
            compared += 1
            let one = answers(before.pixels[range], images.format, folded)
            let other = answers(after.pixels[range], whitened.format, (weights, biases))
            #expect(zip(one, other).allSatisfy { abs($0 - $1) < 6 * expectedError }, "\(one), \(other)")
            #expect(other.contains { abs($0) > 20 * expectedError })
        }
        #expect(compared > 0)
    }
}
