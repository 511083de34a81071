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
