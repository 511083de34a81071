internal import Collectives
internal import Tensors
internal import Training

/// Measures barriers and allreduces: the communicator's own, and those in shared memory.
struct CollectiveBenchmark {
    private let timer: RankTimer
    /// Nil where memory cannot be shared.
    private let shared: RankGroup?

    /// From a batch norm's sums to the gradients of a large network.
    private static let byteCounts = [4 << 10, 32 << 10, 256 << 10, 2 << 20, 16 << 20, 64 << 20]

    /// Shares memory where that is possible. Collective: every rank must call it.
    ///
    /// - Throws: The communicator's error.
    init(_ timer: RankTimer) throws {
        self.timer = timer
        do {
            shared = try RankGroup(timer.communicator, sharingMemory: true)
        } catch let error as any AgreedFailure where error.isSharedMemoryError {
            shared = nil
        }
    }

    /// Collective: every rank must call it.
    ///
    /// - Throws: The communicator's error.
    func measureBarrier() throws -> BarrierMeasurement {
        let ours = try shared.map { ranks in try timer.fastest { try ranks.communicator.barrier() } }
        return BarrierMeasurement(
            sharedSeconds: ours, mpiSeconds: try timer.fastest { try timer.communicator.barrier() })
    }

    /// Collective: every rank must call it.
    ///
    /// - Throws: The communicator's error.
    func measureAllreduces() throws -> [AllreduceMeasurement] {
        try Self.byteCounts.map { byteCount in
            let ours = try measureShared(byteCount)
            let count = byteCount / MemoryLayout<Float>.size
            let buffer = AlignedBuffer<Float>(zeroed: count)
            let numbers = buffer.vector.buffer
            // Zeros stay as they are, however often they are summed.
            let bare = try timer.fastest { try timer.communicator.allreduce(numbers, .sum) }
            let fresh = try timer.fastest {
                write(numbers)
                try timer.communicator.allreduce(numbers, .sum)
                read(numbers)
            }
            return AllreduceMeasurement(
                byteCount: byteCount, sharedSeconds: ours?.bare, sharedFreshSeconds: ours?.fresh,
                mpiSeconds: bare, mpiFreshSeconds: fresh)
        }
    }

    private func measureShared(_ byteCount: Int) throws -> (bare: Double, fresh: Double)? {
        guard let shared else { return nil }
        let count = byteCount / MemoryLayout<Float>.size
        let reduction: NodeReduction<Float>
        do {
            reduction = try NodeReduction(shared.node, count: count)
        } catch let error as any AgreedFailure where error.isSharedMemoryError {
            return nil
        }
        let bare = try timer.fastest { try reduction.allreduce() }
        let fresh = try timer.fastest {
            write(reduction.segment)
            try reduction.allreduce()
            read(reduction.result)
        }
        return (bare, fresh)
    }

    private func write(_ numbers: UnsafeMutableBufferPointer<Float>) {
        numbers.update(repeating: Float(timer.communicator.rank + 1))
    }

    /// Reads all numbers, and makes something of them that nobody can leave out.
    @inline(never)
    private func read(_ numbers: UnsafeMutableBufferPointer<Float>) {
        var bits: UInt32 = 0
        for number in numbers { bits |= number.bitPattern }
        precondition(bits != 0, "the sums of positive numbers")
    }
}
