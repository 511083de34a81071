extension Communicator {
    /// Replaces the values of every rank by those of the root. Collective: every rank must call it, with arrays of the
    /// same count.
    ///
    /// - Throws: The communicator's error where the communication failed or there is no such root.
    public func broadcast<E: CollectiveElement>(_ values: inout [E], root: Int) throws {
        try values.withUnsafeMutableBufferPointer { try broadcast($0, root: root) }
    }

    /// The root's value. Collective: every rank must call it.
    ///
    /// - Throws: The communicator's error where the communication failed or there is no such root.
    public func broadcast<E: CollectiveElement>(_ value: E, root: Int) throws -> E {
        var value = value
        try withUnsafeMutablePointer(to: &value) {
            try broadcast(UnsafeMutableBufferPointer(start: $0, count: 1), root: root)
        }
        return value
    }

    /// Replaces value i of every rank by the combination of the values i of all ranks. Collective: every rank must call
    /// it, with arrays of the same count.
    ///
    /// - Throws: The communicator's error where the communication failed.
    public func allreduce<E: CollectiveElement>(_ values: inout [E], _ operation: ReductionOperation) throws {
        try values.withUnsafeMutableBufferPointer { try allreduce($0, operation) }
    }

    /// The combination of all ranks' values, on every rank. Collective: every rank must call it.
    ///
    /// - Throws: The communicator's error where the communication failed.
    public func allreduce<E: CollectiveElement>(_ value: E, _ operation: ReductionOperation) throws -> E {
        var value = value
        try withUnsafeMutablePointer(to: &value) {
            try allreduce(UnsafeMutableBufferPointer(start: $0, count: 1), operation)
        }
        return value
    }

    /// All ranks' values in rank order, on every rank. Collective: every rank must call it.
    ///
    /// - Throws: The communicator's error where the communication failed.
    public func allgather<E: CollectiveElement>(_ value: E) throws -> [E] {
        try allgather([value])
    }

    /// All ranks' values in rank order, on every rank: `size` × `values.count` of them. Collective: every rank must call
    /// it, with arrays of the same count.
    ///
    /// - Throws: The communicator's error where the communication failed.
    public func allgather<E: CollectiveElement>(_ values: [E]) throws -> [E] {
        let total = size * values.count
        return try [E](unsafeUninitializedCapacity: total) { room, initializedCount in
            // The array may have more room than it was asked for.
            let result = UnsafeMutableBufferPointer(rebasing: room[0..<total])
            try values.withUnsafeBufferPointer { try allgather($0, into: result) }
            initializedCount = total
        }
    }
}

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
