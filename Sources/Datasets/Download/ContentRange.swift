/// The header field that says which bytes an answer holds: `bytes 5-9/10`.
struct ContentRange {
    let start: Int
    let total: Int?

    init?(_ field: String?) {
        guard let field, field.hasPrefix("bytes ") else { return nil }
        let parts = field.dropFirst(6).split(separator: "/", maxSplits: 1)
        guard parts.count == 2, let first = parts[0].split(separator: "-").first, let start = Int(first)
        else {
            return nil
        }
        self.start = start
        total = Int(parts[1])
    }
}
