internal import Checkpoints
internal import Collectives
internal import DataParallel
internal import Datasets
internal import Foundation
internal import MLPEngine
internal import Tensors
internal import Whitening

extension Trainer {
    /// Brings model and best model to the checkpoint's state on rank 0, and the progress and the best model to that
    /// of rank 0 on all others.
    func restore(
        _ model: ModelState<Float>, _ best: BestModel, arithmetic: Arithmetic, data: DataOrigin
    ) throws -> Progress {
        let resumes =
            try communicator.broadcast(Int64(resumePoint?.checkpoint == nil ? 0 : 1), root: 0) == 1
        guard resumes else { return Progress() }
        let text = try communicator.agree(on: "restoring the checkpoint") {
            guard let checkpoint = resumePoint?.checkpoint else { return "" }
            let tensors = ModelTensors(network: model.mlp.network, optimizer: model.optimizer)
            try checkEpochs(reach: checkpoint.metadata.position)
            let found = checkpoint.metadata.dataFingerprint
            guard found == hexadecimal(data.fingerprint) else {
                throw ResumePoint.Failure(
                    description:
                        "--data \(dataset.location): expected the records with fingerprint \(found) that the run"
                        + " was trained on, found \(hexadecimal(data.fingerprint))")
            }
            let whitening = checkpoint.metadata.whiteningSHA256
            guard whitening == data.whitened?.sha256 else {
                throw ResumePoint.Failure(
                    description:
                        "--whiten: expected the whitening with SHA-256 \(whitening ?? "none") that the run was trained"
                        + " with, found \(data.whitened?.sha256 ?? "none")")
            }
            let shards = assignment.shardCount
            let records = dataset.count(of: .training) - configuration.validationSize
            try checkpoint.metadata.position.check(
                stepsPerEpoch: LogicalShards.stepsPerEpoch(
                    records: records, shards: shards, globalBatch: configuration.batchSize,
                    shuffle: configuration.shuffle),
                path: resumePoint?.origin ?? "")
            try tensors.restore(
                checkpoint, parameters: model.parameters, runningStatistics: model.runningStatistics)
            try tensors.restore(checkpoint, optimizerState: model.optimizerState)
            if let prefix = checkpoint.prefix(of: .averaged), let averaged = model.averaged {
                try tensors.restore(
                    checkpoint, prefix: prefix, parameters: averaged.parameters,
                    runningStatistics: averaged.runningStatistics)
            }
            if let prefix = checkpoint.prefix(of: .best) {
                try tensors.restore(
                    checkpoint, prefix: prefix, parameters: best.weights.parameters.vector,
                    runningStatistics: best.weights.runningStatistics.vector)
            }
            try checkIsFinite(checkpoint.metadata, model, best)
            noteOtherBits(than: checkpoint.metadata, arithmetic)
            return String(decoding: try JSONEncoder.ofAnyNumber.encode(checkpoint.metadata), as: UTF8.self)
        }
        let metadata = try JSONDecoder.ofAnyNumber.decode(
            CheckpointMetadata.self, from: Data(try communicator.broadcast(text: text, root: 0).utf8))
        try communicator.broadcast(best.weights.parameters.vector.buffer, root: 0)
        try communicator.broadcast(best.weights.runningStatistics.vector.buffer, root: 0)
        if let result = metadata.bestValidation { best.restore(result) }
        return Progress(metadata)
    }

    private func checkIsFinite(
        _ metadata: CheckpointMetadata, _ model: ModelState<Float>, _ best: BestModel
    ) throws(ResumePoint.Failure) {
        let vectors = [best.weights.parameters.vector, best.weights.runningStatistics.vector]
        let isFinite =
            (vectors + model.tensors).allSatisfy { $0.digest().isFinite }
            && metadata.bestValidation.map { $0.loss.isFinite && $0.accuracy.isFinite } ?? true
        guard isFinite else {
            throw ResumePoint.Failure(
                description:
                    "\(resumePoint?.origin ?? ""): expected finite numbers to go on from, found infinity or NaN:"
                    + " the run had diverged; go on from an earlier checkpoint, or begin anew with a smaller --lr"
            )
        }
    }

    private func checkEpochs(reach position: CheckpointMetadata.Position) throws(ConfigurationError) {
        let begun = position.epoch + (position.stepInEpoch > 0 ? 1 : 0)
        guard configuration.epochs >= begun else {
            throw ConfigurationError(
                "--epochs", found: "\(configuration.epochs)",
                expected: "at least \(begun), as the checkpoint is of step \(position.step) in epoch \(begun)"
            )
        }
    }

    /// Says so where the continuation cannot have the bits of the run that was never interrupted.
    private func noteOtherBits(than metadata: CheckpointMetadata, _ arithmetic: Arithmetic) {
        if !arithmetic.givesSameBits(as: metadata.arithmetic) {
            observer.note(
                "the checkpoint was computed with the arithmetic \(metadata.arithmetic), this run has \(arithmetic): the"
                    + " last bits will differ")
        }
        if let strategy = resumePoint?.configuration.strategy, strategy != configuration.strategy {
            observer.note(
                "the checkpoint was computed with --strategy \(strategy.rawValue), this run goes on with"
                    + " \(configuration.strategy.rawValue): the last bits will differ")
        }
        guard configuration.products == .openBLAS, metadata.worldSize != communicator.size else { return }
        observer.note(
            "--products openblas depends on the number of ranks, which was \(metadata.worldSize) and is now"
                + " \(communicator.size): the last bits will differ")
    }
}
