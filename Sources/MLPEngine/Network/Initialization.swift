/// How a tensor's first values come about.
public enum Initialization: Sendable, Hashable {
    /// All scalars are this value.
    case constant(Double)
    /// Independent normal numbers with mean 0 and this standard deviation.
    case normal(standardDeviation: Double)
}
