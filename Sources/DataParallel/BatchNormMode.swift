/// Over what batch norm takes its statistics in training.
public enum BatchNormMode: String, Codable, Sendable, CaseIterable {
    /// There is no batch norm.
    case none
    /// Over the whole global batch: two small collectives per module and step.
    case sync
    /// Over each part of the batch by itself; the running statistics follow the parts' weighted mean.
    case local
}
