/// How an ``Communicator/allreduce(_:_:)`` combines the elements of all ranks.
public enum ReductionOperation: String, Sendable, CaseIterable {
    /// The sum over all ranks. In floating point its bits may depend on the order that the communicator chooses.
    case sum
    /// The least element. The result is unspecified where a rank contributes a NaN.
    case minimum
    /// The greatest element. The result is unspecified where a rank contributes a NaN.
    case maximum

    /// Combines two elements.
    public func combining<E: CollectiveElement>(_ left: E, _ right: E) -> E {
        switch self {
        case .sum: E.collectiveSum(left, right)
        case .minimum: right < left ? right : left
        case .maximum: left < right ? right : left
        }
    }
}
