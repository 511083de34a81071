/// What a run promises about the bits of its result.
public enum Arithmetic: String, Codable, Sendable, CaseIterable {
    /// The same bits on any number of ranks and threads.
    case reproducible
    /// The same result up to rounding, whose last bits depend on the number of ranks and threads.
    case fast
}
