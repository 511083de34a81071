internal import Checkpoints
internal import Collectives
internal import DataParallel
internal import Foundation
internal import Tensors

/// The check that all ranks begin with the same numbers.
enum ReplicaCheck {
    struct Failure: AgreedFailure, CustomStringConvertible, LocalizedError {
        let rank: Int
        let shouldReport: Bool
        var description: String {
            "rank \(rank): expected rank 0's parameters after the broadcast, found others"
        }
        var errorDescription: String? { description }
    }

    /// Compares a hash of parameters, running statistics and velocities over all ranks. Collective: every rank must
    /// call it.
    ///
    /// - Throws: ``Failure`` on every rank, naming the lowest one that differs from rank 0.
    static func sameEverywhere(_ model: ModelState<Float>, over communicator: any Communicator) throws {
        var tensors: [NamedTensor] = []
        for (name, vector) in [
            ("parameters", model.parameters), ("statistics", model.runningStatistics),
            ("velocity", model.velocity ?? model.parameters[0..<0]),
        ] {
            tensors.append(
                try NamedTensor(name: name, shape: [vector.count], floats: UnsafeBufferPointer(vector.buffer))
            )
        }
        let digests = try communicator.allgather(text: TensorDigest.sha256(of: tensors))
        if let rank = digests.firstIndex(where: { $0 != digests[0] }) {
            throw Failure(rank: rank, shouldReport: communicator.rank == 0)
        }
    }
}
