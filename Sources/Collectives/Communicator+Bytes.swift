extension Communicator {
    /// The root's bytes, on every rank. Collective: every rank must call it; what the other ranks pass is ignored, so
    /// only the root needs to know how many there are.
    ///
    /// - Throws: The communicator's error where the communication failed or there is no such root.
    public func broadcast(bytes: [UInt8], root: Int) throws -> [UInt8] {
        let count = Int(try broadcast(Int64(bytes.count), root: root))
        var received = rank == root ? bytes : [UInt8](repeating: 0, count: count)
        try broadcast(&received, root: root)
        return received
    }

    /// The root's text, on every rank. Collective: every rank must call it; what the other ranks pass is ignored.
    ///
    /// - Throws: The communicator's error where the communication failed or there is no such root.
    public func broadcast(text: String, root: Int) throws -> String {
        String(decoding: try broadcast(bytes: Array(text.utf8), root: root), as: UTF8.self)
    }

    /// All ranks' bytes in rank order, on every rank. Collective: every rank must call it; the counts may differ.
    ///
    /// Meant for messages and small tables: the contributions travel padded to the longest one.
    ///
    /// - Throws: The communicator's error where the communication failed.
    public func allgather(bytes: [UInt8]) throws -> [[UInt8]] {
        let counts = try allgather(Int64(bytes.count)).map(Int.init)
        let longest = counts.reduce(0, max)
        let padded = bytes + [UInt8](repeating: 0, count: longest - bytes.count)
        let all = try allgather(padded)
        return counts.enumerated().map { rank, count in Array(all[rank * longest..<rank * longest + count]) }
    }

    /// All ranks' texts in rank order, on every rank. Collective: every rank must call it; the lengths may differ.
    ///
    /// - Throws: The communicator's error where the communication failed.
    public func allgather(text: String) throws -> [String] {
        try allgather(bytes: Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) }
    }
}
