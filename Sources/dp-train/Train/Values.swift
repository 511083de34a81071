public import ArgumentParser
public import DataParallel
public import Tensors
import Training

/// Readers of option values, whose errors say what was expected.
enum Values {
    static func wholeNumber(_ text: String) throws -> Int {
        guard let value = Int(text) else { throw ValidationError("expected a whole number") }
        return value
    }

    static func number(_ text: String) throws -> Double {
        guard let value = Double(text) else { throw ValidationError("expected a number") }
        return value
    }

    static func seed(_ text: String) throws -> UInt64 {
        guard let value = UInt64(text) else {
            throw ValidationError("expected a whole number from 0 to 2⁶⁴ − 1")
        }
        return value
    }

    static func widths(_ text: String) throws -> [Int] {
        guard !text.isEmpty else { return [] }
        return try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
            guard let width = Int(part) else {
                throw ValidationError("expected whole numbers with commas between, as in 512,256,128")
            }
            return width
        }
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
extension MatmulPrecision: ExpressibleByArgument {}
extension BatchNormMode: ExpressibleByArgument {}
extension RunOptions.Reduction: ExpressibleByArgument {}
extension RunOptions.Evaluation: ExpressibleByArgument {}
extension TrainingConfiguration.LearningRateScaling: ExpressibleByArgument {}
