internal import Datasets
package import Tensors
package import MLPEngine

/// Targets that are probabilities rather than labels: smoothed labels, and those of mixed images.
///
/// Label smoothing takes ε of each label's probability and spreads it over all K classes: (1 − ε) + ε/K and ε/K.
///
/// Mixup replaces pairs of images a and b by λ a + (1 − λ) b and λ b + (1 − λ) a, and their targets alike, with λ from
/// Beta(α, α), one for each logical shard and step or one for each pair, and the pairs at random, anew for each logical shard
/// and step: so pairs are of one shard, whatever the number of ranks. λ is a multiple of 1/256 and mixed bytes are rounded to
/// the nearest one.
///
/// Sources: Szegedy and others, "Rethinking the inception architecture for computer vision", CVPR 2016; Zhang, Cisse,
/// Dauphin, Lopez-Paz, "mixup: beyond empirical risk minimization", ICLR 2018.
package final class SoftTargets {
    private let smoothing: Float
    private let alpha: Double
    private let shares: TrainingConfiguration.MixupShares
    private let firstCleanEpoch: Int
    private let seed: UInt64
    private let classes: Int
    private let rows: Int
    private let partRows: Int
    private let probabilities: AlignedBuffer<Float>
    /// The rows of a part in the order in which they are paired; kept, so that a step allocates nothing.
    private var order: [Int]

    /// Targets for `rooms` batches at a time; nil for settings with which labels are enough.
    ///
    /// - Throws: `AllocationError`.
    package init?(
        _ configuration: TrainingConfiguration, rows: Int, partRows: Int, rooms: Int
    ) throws(AllocationError) {
        guard configuration.labelSmoothing > 0 || configuration.mixup > 0 else { return nil }
        smoothing = Float(configuration.labelSmoothing)
        alpha = configuration.mixup
        shares = configuration.mixupShares
        firstCleanEpoch = configuration.firstCleanEpoch
        seed = configuration.seed
        classes = configuration.format.classCount
        self.rows = rows
        self.partRows = partRows
        probabilities = try AlignedBuffer(allocating: rooms * rows * classes)
        order = Array(0..<partRows)
    }

    /// The targets that were prepared for a room.
    package func targets(in room: Int) -> Targets<Float> { .probabilities(matrix(room)) }

    /// Prepares the targets of a batch, and mixes its images.
    ///
    /// - Parameters:
    ///   - room: Where the targets go.
    ///   - images: This rank's rows, part by part.
    ///   - labels: Theirs.
    ///   - epoch: The epoch, from 0.
    ///   - firstPart: The place of the first part among all of the epoch; the others follow.
    package func prepare(
        in room: Int, images: Matrix<UInt8>, labels: Vector<Int32>, epoch: Int, firstPart: Int
    ) {
        let targets = matrix(room)
        targets.vector.fill(smoothing / Float(classes))
        for row in 0..<rows { targets[row, Int(labels[row])] += 1 - smoothing }
        mix(images, targets, epoch: epoch, firstPart: firstPart)
    }

    /// Mixes images, and their targets, if they are wanted.
    ///
    /// - Parameters:
    ///   - images: Whole parts, one behind the other.
    ///   - targets: Theirs; nil for images of other ranks, whose targets these prepare.
    ///   - epoch: The epoch, from 0.
    ///   - firstPart: The place of the first part among all of the epoch; the others follow.
    package func mix(_ images: Matrix<UInt8>, _ targets: Matrix<Float>?, epoch: Int, firstPart: Int) {
        guard alpha > 0, epoch < firstCleanEpoch else { return }
        for part in 0..<images.rows / partRows {
            let rows = part * partRows..<(part + 1) * partRows
            mix(part: firstPart + part, epoch: epoch, images[rows: rows], targets?[rows: rows])
        }
    }

    private func mix(part: Int, epoch: Int, _ images: Matrix<UInt8>, _ targets: Matrix<Float>?) {
        var random = RandomStream(seed: seed, purpose: .mixup, epoch: epoch, shard: part)
        var share = shares == .part ? Self.share(alpha, &random) : 0
        for index in order.indices { order[index] = index }
        random.permute(&order)
        for pair in stride(from: 0, to: partRows - 1, by: 2) {
            let (a, b) = (order[pair], order[pair + 1])
            if shares == .pair { share = Self.share(alpha, &random) }
            images[rows: a..<a + 1].vector.mix(with: images[rows: b..<b + 1].vector, share: share)
            guard let targets else { continue }
            let (first, second) = (targets[rows: a..<a + 1].vector, targets[rows: b..<b + 1].vector)
            for index in 0..<classes {
                let (x, y, share) = (first[index], second[index], Float(share) / 256)
                first[index] = share * x + (1 - share) * y
                second[index] = share * y + (1 - share) * x
            }
        }
    }

    /// A share in 1/256.
    private static func share(_ alpha: Double, _ random: inout RandomStream) -> Int {
        Int((beta(alpha, &random) * 256).rounded())
    }

    /// A number from Beta(α, α), α of at most 1.
    ///
    /// Source: Jöhnk, "Erzeugung von betaverteilten und gammaverteilten Zufallszahlen", Metrika 8, 1964.
    package static func beta(_ alpha: Double, _ random: inout RandomStream) -> Double {
        while true {
            let x = PortableMath.power(random.uniform(), 1 / alpha)
            let y = PortableMath.power(random.uniform(), 1 / alpha)
            if x + y <= 1, x + y > 0 { return x / (x + y) }
        }
    }

    private func matrix(_ room: Int) -> Matrix<Float> {
        probabilities.vector[room * rows * classes..<(room + 1) * rows * classes]
            .matrix(rows: rows, columns: classes)
    }
}
