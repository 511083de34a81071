internal import Checkpoints
package import Collectives
package import Datasets
internal import Foundation
package import Tensors
package import Whitening

// How a run and those who use its model come to whitened images.

extension TrainingConfiguration {
    /// The data set with its images whitened by what follows from the records to train on; nil where the configuration does
    /// not ask for that. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - dataset: The data set, the same on every rank.
    ///   - keeps: Whether what is computed may be written beside it.
    ///   - expected: What a checkpoint knows of the whitening, the same on every rank.
    ///   - communicator: The ranks.
    ///   - team: This rank's threads.
    ///   - note: Told on rank 0 what people should know.
    /// - Throws: As `WhitenedDataset.open`; ``ConfigurationError`` as `agree` throws it.
    package func whitened(
        _ dataset: any ImageDataset, keeps: Bool = true, expected: WhitenedDataset.Expectation? = nil,
        communicator: any Communicator, team: WorkerTeam, note: (String) -> Void
    ) throws -> WhitenedDataset? {
        guard whitening == .zca else { return nil }
        let (_, training) = try communicator.agree(on: "choosing the records to whiten by") {
            try RunSplit.train.records(of: dataset, self)
        }
        return try WhitenedDataset.open(
            dataset, training: training, epsilon: whiteningEpsilon, keeps: keeps, expected: expected,
            communicator: communicator, team: team, note: note)
    }
}

extension ResumePoint {
    /// What the checkpoint knows of the whitening of its run; nil where there is none.
    package var whitening: WhitenedDataset.Expectation? {
        guard let metadata = checkpoint?.metadata, let sha256 = metadata.whiteningSHA256,
            let fingerprint = UInt64(metadata.dataFingerprint, radix: 16)
        else { return nil }
        return .init(fingerprint: fingerprint, sha256: sha256, origin: origin)
    }

    /// The data set of the checkpoint's run as its network reads it, for a process on its own; nil where images are not
    /// whitened.
    ///
    /// - Parameters:
    ///   - dataset: Opens the data set.
    ///   - note: Told what people should know.
    /// - Throws: What opening throws, or ``ConfigurationError`` and `WhiteningFailure` where it is not the run's data set.
    package func whitenedAlone(
        _ dataset: () throws -> any ImageDataset, note: (String) -> Void
    ) throws -> WhitenedDataset? {
        guard configuration.whitening != .none else { return nil }
        let communicator = SingleProcessCommunicator()
        let dataset = try dataset()
        guard dataset.format == configuration.dataFormat else {
            throw ConfigurationError(
                "--data", found: "\(dataset.format.name) (\(dataset.location))",
                expected: "\(configuration.dataFormat.name), which the model was trained on")
        }
        let team = ProcessorAffinity.withAffinityToAllProcessors {
            WorkerTeam(upTo: ProcessorShare.threads(of: communicator))
        }
        return try configuration.whitened(
            dataset, expected: whitening, communicator: communicator, team: team, note: note)
    }
}

extension WhitenedDataset.Expectation {
    /// Rank 0's, on every rank. Collective: every rank must call it.
    ///
    /// - Throws: The communicator's error.
    static func broadcast(
        _ own: WhitenedDataset.Expectation?, over communicator: any Communicator
    ) throws -> WhitenedDataset.Expectation? {
        let fingerprint = try communicator.broadcast(own?.fingerprint ?? 0, root: 0)
        let sha256 = try communicator.broadcast(text: own?.sha256 ?? "", root: 0)
        let origin = try communicator.broadcast(text: own?.origin ?? "", root: 0)
        return sha256.isEmpty ? nil : .init(fingerprint: fingerprint, sha256: sha256, origin: origin)
    }
}
