/// A connection that broke: what has come so far is worth keeping.
struct DownloadBreak: Error {
    let expected: String
    let reason: String
    /// Whether the server sent the file from its beginning instead of the rest of it.
    let hasStartedAgain: Bool
}
