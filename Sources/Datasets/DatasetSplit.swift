/// The two parts of an image data set.
///
/// The raw values enter the fingerprint of the records, so they never change.
public enum DatasetSplit: String, Sendable, CaseIterable {
    /// The records a model learns from (and, held out of them, the validation records).
    case training
    /// The records that are looked at once, at the end.
    case test
}
