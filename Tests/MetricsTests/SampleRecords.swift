import FileTestSupport
import Foundation
import Metrics

/// Steps `range` of a run with 10 steps in an epoch.
func sampleSteps(_ range: ClosedRange<Int>) -> [StepRecord] {
    range.map { step in
        StepRecord(
            epoch: (step - 1) / 10 + 1, step: step, learningRate: 0.1, loss: 2 / Double(step), accuracy: 0.25,
            seconds: 0.001)
    }
}

/// The record of an epoch of 10 steps, every second one with a validation.
func sampleEpoch(_ epoch: Int) -> EpochRecord {
    EpochRecord(
        epoch: epoch, step: 10 * epoch, learningRate: 1e-5, trainLoss: 1 / Double(epoch), trainAccuracy: 0.5,
        validationLoss: epoch % 2 == 0 ? 1.5 : nil, validationAccuracy: epoch % 2 == 0 ? 0.1 + 0.2 : nil,
        seconds: 2, imagesPerSecond: 25_000)
}

/// Gives a sink the steps in `range`, and the epochs that they complete.
func record(_ range: ClosedRange<Int>, in sink: any MetricsSink) throws {
    for step in sampleSteps(range) {
        try sink.recordStep(step)
        if step.step % 10 == 0 { try sink.recordEpoch(sampleEpoch(step.epoch)) }
    }
}

extension TemporaryFolder {
    func text(_ name: String) throws -> String { String(decoding: try data(name), as: UTF8.self) }
}
