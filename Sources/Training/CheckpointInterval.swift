internal import Foundation

/// How often a run writes a checkpoint.
public enum CheckpointInterval: Sendable, Hashable, CustomStringConvertible {
    /// After every so many epochs.
    case epochs(Int)
    /// After every so many steps.
    case steps(Int)
    /// After the first step that ends so many seconds after the last checkpoint.
    case seconds(Double)

    /// Reads `2`, `2epochs`, `500steps` or `10min`; nil for anything else, or for nothing and less.
    public init?(_ text: String) {
        let digits = text.prefix { $0.isNumber || $0 == "." }
        let unit = text.dropFirst(digits.count).trimmingCharacters(in: .whitespaces)
        switch unit {
        case "", "epoch", "epochs":
            guard let count = Int(digits), count >= 1 else { return nil }
            self = .epochs(count)
        case "step", "steps":
            guard let count = Int(digits), count >= 1 else { return nil }
            self = .steps(count)
        case "s", "sec", "min", "h":
            guard let number = Double(digits), number > 0 else { return nil }
            self = .seconds(number * (unit == "h" ? 3600 : unit == "min" ? 60 : 1))
        default:
            return nil
        }
    }

    /// The interval as it is read.
    public var description: String {
        switch self {
        case .epochs(let count): "\(count)epochs"
        case .steps(let count): "\(count)steps"
        case .seconds(let seconds): "\(seconds)s"
        }
    }
}
