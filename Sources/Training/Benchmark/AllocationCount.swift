internal import CBenchmark

/// Counts what this process allocates.
enum AllocationCount {
    /// The calls of malloc and its kin, on all threads of this process, while `body` runs; nil where the system does not
    /// let them be counted.
    static func during(_ body: () throws -> Void) rethrows -> Int? {
        let isCounting = dp_allocations_begin() > 0
        do {
            try body()
        } catch {
            _ = dp_allocations_end()
            throw error
        }
        let count = dp_allocations_end()
        return isCounting ? Int(count) : nil
    }
}
