import Datasets
import MLPEngine
import Tensors
import Testing
import Training

@Suite struct SoftTargetsTests {
    @Test("Mixed bytes are the nearest to both weighted means", arguments: [0, 1, 77, 128, 200, 256])
    func bytes(share: Int) {
        let a = AlignedBuffer<UInt8>(zeroed: 256 * 256)
        let b = AlignedBuffer<UInt8>(zeroed: 256 * 256)
        for index in 0..<a.count {
            a.vector[index] = UInt8(index / 256)
            b.vector[index] = UInt8(index % 256)
        }
        a.vector.mix(with: b.vector, share: share)
        var worst = 0.0
        for index in 0..<a.count {
            let (x, y, share) = (Double(index / 256), Double(index % 256), Double(share) / 256)
            worst = max(
                worst, abs(Double(a.vector[index]) - (share * x + (1 - share) * y)),
                abs(Double(b.vector[index]) - (share * y + (1 - share) * x)))
        }
        #expect(worst <= 0.5)
    }

    @Test("Beta's mean is 1/2 and its variance 1 / (4 (2 α + 1))", arguments: [0.1, 0.2, 0.5, 1])
    func beta(alpha: Double) {
        var random = RandomStream(seed: 3, purpose: .testing)
        let numbers = (0..<20_000).map { _ in SoftTargets.beta(alpha, &random) }
        #expect(numbers.allSatisfy { (0...1).contains($0) })
        let mean = numbers.reduce(0, +) / Double(numbers.count)
        let variance = numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(numbers.count)
        // Five standard errors: that of the mean is at most 0.5 / √20,000.
        #expect(abs(mean - 0.5) < 0.018)
        #expect(abs(variance - 1 / (4 * (2 * alpha + 1))) < 0.008)
    }

    /// What becomes of two parts of 8 rows, each of a label and a byte of its own; `parts` are those that this rank has.
    private func mixed(
        parts: Range<Int> = 0..<2, epoch: Int = 1,
        _ configure: (inout TrainingConfiguration) -> Void = { _ in }
    ) throws -> (images: [UInt8], targets: [[Float]]) {
        var configuration = TrainingConfiguration()
        (configuration.mixup, configuration.epochs) = (1, 3)
        configure(&configuration)
        let rows = 8 * parts.count
        let targets = try #require(
            try SoftTargets(configuration, rows: rows, partRows: 8, rooms: 1))
        let columns = configuration.format.imageBytes
        let images = AlignedBuffer<UInt8>(zeroed: rows * columns)
        let labels = AlignedBuffer<Int32>(zeroed: rows)
        let matrix = images.matrix(rows: rows, columns: columns)
        for row in 0..<rows {
            matrix[rows: row..<row + 1].vector.fill(Self.byte(ofLabel: row % 8))
            labels.vector[row] = Int32(row % 8)
        }
        targets.prepare(
            in: 0, images: matrix, labels: labels.vector, epoch: epoch, firstPart: 2 * 7 + parts.lowerBound)
        guard case .probabilities(let found) = targets.targets(in: 0) else { fatalError("no probabilities") }
        return (
            (0..<rows).map { matrix[$0, 0] }, (0..<rows).map { found[rows: $0..<$0 + 1].vector.array }
        )
    }

    private static func byte(ofLabel label: Int) -> UInt8 { UInt8(30 * label) }

    @Test("A part, or each pair, has a share of its own; images and targets are mixed alike")
    func shares() throws {
        for (shares, most) in [(TrainingConfiguration.MixupShares.part, 1), (.pair, 4)] {
            let (images, targets) = try mixed { $0.mixupShares = shares }
            for part in 0..<2 {
                var found: Set<Float> = []
                for row in part * 8..<part * 8 + 8 {
                    #expect(abs(targets[row].reduce(0, +) - 1) < 1e-6)
                    let mean = zip(targets[row], 0..<8).reduce(Float(0)) {
                        $0 + $1.0 * Float(Self.byte(ofLabel: $1.1))
                    }
                    #expect(abs(Float(images[row]) - mean) <= 0.501)
                    // λ and 1 − λ are one share.
                    found.insert(targets[row].max() ?? 0)
                }
                #expect(shares == .part ? found.count == 1 : (2...most).contains(found.count))
            }
        }
    }

    @Test("What becomes of a part depends on its place alone, not on the parts around it")
    func places() throws {
        for shares in TrainingConfiguration.MixupShares.allCases {
            let whole = try mixed { $0.mixupShares = shares }
            let second = try mixed(parts: 1..<2) { $0.mixupShares = shares }
            #expect(second.images == Array(whole.images[8...]))
            #expect(second.targets == Array(whole.targets[8...]))
            #expect(try mixed(epoch: 2) { $0.mixupShares = shares }.images != whole.images)
        }
    }

    @Test("In the last epochs, where asked for, nothing is mixed, and labels are smoothed all the same")
    func clean() throws {
        func run(_ epoch: Int) throws -> (images: [UInt8], targets: [[Float]]) {
            try mixed(epoch: epoch) { ($0.cleanEpochs, $0.labelSmoothing) = (1, 0.1) }
        }
        let plain = (0..<16).map { Self.byte(ofLabel: $0 % 8) }
        #expect(try run(1).images != plain && run(2).images == plain)
        for (row, target) in try run(2).targets.enumerated() {
            for (label, probability) in target.enumerated() {
                #expect(abs(probability - (label == row % 8 ? 0.91 : 0.01)) < 1e-6)
            }
        }
        // Without them a run that is made longer goes on mixing.
        #expect(try mixed(epoch: 5).images != plain)
    }
}
