internal import Collectives
internal import DataParallel
internal import Foundation
internal import MLPEngine
internal import Tensors

/// The check, by all ranks together, that the models of all nodes are the same and hold nothing but numbers.
///
/// Each node updates its model by itself. The ranks of a node divide the model among them for the digest.
package struct ReplicaCheck {
    /// A node's model has become another one.
    package struct Failure: AgreedFailure, CustomStringConvertible, LocalizedError {
        package let description: String
        package let shouldReport: Bool
        package var errorDescription: String? { description }
    }

    let model: ModelState<Float>
    /// The ranks in the order of their nodes, and those of this one's.
    let ranks: RankGroup
    /// The ranks as the launcher numbers them.
    let placement: NodePlacement

    /// Compares the digests of parameters, running statistics and the optimizer's state of all nodes. Collective: every rank must call
    /// it, between two steps.
    ///
    /// - Parameters:
    ///   - epoch: The epoch, from 1.
    ///   - step: The steps taken.
    /// - Throws: ``Divergence`` or ``Failure`` on every rank, or the communicator's error.
    func check(epoch: Int, step: Int) throws {
        let own = ownDigest()
        let communicator = ranks.communicator
        let all = try communicator.allgather([own.sum, own.isFinite ? 1 : 0])
        let nodes = ranks.node.placement.nodeOfRank
        var digests = [UInt64](repeating: 0, count: ranks.node.nodeCount)
        for (rank, node) in nodes.enumerated() { digests[node] &+= all[2 * rank] }
        if digests.contains(where: { $0 != digests[0] }) {
            let same = nodes.indices.filter { digests[nodes[$0]] == digests[0] }
            let others = nodes.indices.filter { digests[nodes[$0]] != digests[0] }
            let names = [same, others].map { positions in
                placement.names(ofRanks: positions.map { placement.rankAtPosition[$0] })
            }
            let when = step == 0 ? "before the first step" : "after step \(step) in epoch \(epoch)"
            throw Failure(
                description:
                    "comparing the models \(when): expected those of \(names[0]), found others on \(names[1])"
                    + "\(try firstDifference().map { ", first in \($0)" } ?? ""): their memory is damaged, or their hardware"
                    + " or software computes otherwise",
                shouldReport: communicator.rank == 0)
        }
        guard stride(from: 1, to: all.count, by: 2).allSatisfy({ all[$0] == 1 }) else {
            let tensor = namedTensors.first { !$0.values.digest().isFinite }
            throw Divergence(
                epoch: epoch, step: step, quantity: .parameters(tensor: tensor?.name ?? "the model"),
                place: nil, shouldReport: communicator.rank == 0)
        }
    }

    /// The first tensor that is not the same on all nodes; nil where all are. Collective: every rank must call it.
    ///
    /// - Throws: The communicator's error.
    private func firstDifference() throws -> String? {
        let tensors = namedTensors
        let all = try ranks.communicator.allgather(tensors.map { $0.values.digest().sum })
        return tensors.indices.first { index in
            stride(from: index, to: all.count, by: tensors.count).contains { all[$0] != all[index] }
        }.map { tensors[$0].name }
    }

    /// All tensors that training changes, by the names that they have in checkpoints.
    private var namedTensors: [(name: String, values: Vector<Float>)] {
        let network = model.mlp.network
        func named(_ layout: ParameterLayout, _ values: Vector<Float>, _ prefix: String = "") -> [(
            name: String, values: Vector<Float>
        )] {
            layout.entries.map { (prefix + $0.name, values[$0.range]) }
        }
        var all = named(network.parameterLayout, model.parameters)
        all += named(network.statisticsLayout, model.runningStatistics)
        for (name, values) in zip(model.optimizer.stateNames, model.optimizerState) {
            all += named(network.parameterLayout, values, ModelTensors.prefix(ofState: name))
        }
        if let averaged = model.averaged {
            all += named(network.parameterLayout, averaged.parameters, ModelTensors.averagedPrefix)
            all += named(network.statisticsLayout, averaged.runningStatistics, ModelTensors.averagedPrefix)
        }
        return all
    }

    /// The digest of this rank's part of its node's model.
    private func ownDigest() -> VectorDigest {
        let (index, count) = (ranks.node.localRank, ranks.node.localSize)
        var digest = VectorDigest()
        var start = 0
        for vector in model.tensors {
            // Parts begin at even places.
            let bound = { (part: Int) in part == count ? vector.count : part * vector.count / count / 2 * 2 }
            let part = bound(index)..<bound(index + 1)
            digest.combine(vector[part].digest(at: start + part.lowerBound))
            start += (vector.count + 1) / 2 * 2
        }
        return digest
    }
}
