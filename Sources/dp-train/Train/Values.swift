import CommandLineSupport
public import ArgumentParser
public import DataParallel
import Training

extension Values {
    static func seed(_ text: String) throws -> UInt64 {
        guard let value = UInt64(text) else {
            throw ValidationError("expected a whole number from 0 to 2⁶⁴ − 1")
        }
        return value
    }

    static func checkpointInterval(_ text: String) throws -> CheckpointInterval {
        guard let interval = CheckpointInterval(text) else {
            throw ValidationError(
                "expected a number ≥ 1 of epochs or steps, or a time, as in 2epochs, 500steps, 10min")
        }
        return interval
    }
}

extension Arithmetic: ExpressibleByArgument {}
extension BatchNormMode: ExpressibleByArgument {}
extension RunOptions.Reduction: ExpressibleByArgument {}
extension RunOptions.Evaluation: ExpressibleByArgument {}
extension TrainingConfiguration.LearningRateScaling: ExpressibleByArgument {}
