import Dispatch
import Foundation
import MLPEngine
import MLPReference
import Synchronization
import Tensors

/// Where the parts of a spread batch, one thread each, hand in their statistics and take back those of the whole.
final class Meeting: @unchecked Sendable {
    private let parts: Int
    private let condition = NSCondition()
    private var handedIn: [Int: [Double]] = [:]
    private var result: [Double] = []
    private var round = 0

    init(parts: Int) {
        self.parts = parts
    }

    /// Waits for all parts and returns their contributions combined, in the order of the parts.
    func meet(_ part: Int, _ contribution: [Double], _ combine: ([Double], [Double]) -> [Double]) -> [Double]
    {
        condition.lock()
        defer { condition.unlock() }
        let mine = round
        handedIn[part] = contribution
        if handedIn.count == parts {
            result = handedIn.sorted { $0.key < $1.key }.map(\.value).reduce([], combine)
            handedIn = [:]
            round += 1
            condition.broadcast()
        } else {
            while round == mine { condition.wait() }
        }
        return result
    }
}

/// One part's collectives: counts, means and sums of squared deviations are merged pairwise.
///
/// Source: Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979.
final class ThreadedCollectives<Scalar: TensorScalar>: BatchCollectives {
    let synchronizesBatchNorm = true

    private let part: Int
    private let meeting: Meeting
    private let local: LocalBatch<Scalar>

    init(part: Int, meeting: Meeting, gradients: Vector<Scalar>) {
        (self.part, self.meeting) = (part, meeting)
        local = LocalBatch(gradients: gradients)
    }

    func mergeMoments(_ moments: Matrix<Scalar>, partRows: Int) -> Int {
        let width = moments.columns / 2
        let merged = meeting.meet(part, [Double(partRows)] + moments.vector.doubles) { first, second in
            if first.isEmpty { return second }
            let (n, m) = (first[0], second[0])
            var merged = first
            merged[0] = n + m
            for column in 1...width {
                let difference = second[column] - first[column]
                merged[column] = first[column] + difference * m / (n + m)
                merged[width + column] =
                    first[width + column] + second[width + column] + difference * difference * n * m / (n + m)
            }
            return merged
        }
        for (index, value) in merged.dropFirst().enumerated() { moments.vector[index] = Scalar(value) }
        return Int(merged[0])
    }

    func sum(_ sums: Matrix<Scalar>) {
        let total = meeting.meet(part, sums.vector.doubles) { first, second in
            first.isEmpty ? second : zip(first, second).map { $0 + $1 }
        }
        for (index, value) in total.enumerated() { sums.vector[index] = Scalar(value) }
    }

    func contribute(factorsOf linear: Linear, x: BatchInput<Scalar>, dy: Matrix<Scalar>) {
        local.contribute(factorsOf: linear, x: x, dy: dy)
    }

    func contribute(partSums sums: Matrix<Scalar>, of parameters: VectorParameter) {
        local.contribute(partSums: sums, of: parameters)
    }
}

/// What the parts return, as they end.
private final class PartResults<Value: Sendable>: Sendable {
    let values = Mutex<[Int: Result<Value, any Error>]>([:])
}

/// Runs `body` once per part, each on a thread of its own, and returns what all of them return, in order.
func runParts<Value: Sendable>(
    _ parts: Int, _ body: @escaping @Sendable (Int) throws -> Value
) throws -> [Value] {
    let results = PartResults<Value>()
    let group = DispatchGroup()
    for part in 0..<parts {
        group.enter()
        Thread {
            let result = Result { try body(part) }
            results.values.withLock { $0[part] = result }
            group.leave()
        }.start()
    }
    group.wait()
    return try results.values.withLock { $0 }.sorted { $0.key < $1.key }.map { try $0.value.get() }
}
