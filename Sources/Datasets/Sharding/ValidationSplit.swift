internal import Tensors

/// Which training records are set apart for validation: a uniform choice that depends on the seed alone.
public struct ValidationSplit: Sendable, Equatable {
    /// The records to train on, ascending.
    public let training: [Int]
    /// The records to validate on, ascending.
    public let validation: [Int]

    /// Chooses `validationSize` of the records `0..<count`.
    ///
    /// - Precondition: `validationSize` lies in `0...count`.
    public init(count: Int, validationSize: Int, seed: UInt64) {
        precondition(validationSize >= 0 && validationSize <= count, "\(validationSize) of \(count) records")
        var order = Array(0..<count)
        var stream = RandomStream(seed: seed, purpose: .validationSplit)
        stream.permute(&order)
        validation = order[..<validationSize].sorted()
        training = order[validationSize...].sorted()
    }
}
