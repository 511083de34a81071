extension Communicator {
    /// Runs a step that may fail on some ranks only, and lets it fail on all ranks or on none. Collective: every rank
    /// must call it.
    ///
    /// Where a body throws, the lowest rank that failed throws a ``RankFailure`` with its error, and all others throw
    /// ``FailureElsewhere`` with that rank's message: ``Swift/Error/shouldReport`` says who prints it. A communicator
    /// of one rank rethrows the error itself.
    ///
    /// - Parameters:
    ///   - operation: What is being done, for the message: `reading the training images`.
    ///   - body: Work of this rank alone. It may call collectives only if each rank calls them whatever happens to the
    ///     others; a nested `agree` does.
    /// - Returns: The body's value.
    /// - Throws: As above, or the communicator's error where the ranks could not exchange their outcomes.
    public func agree<T: ~Copyable>(on operation: String, _ body: () throws -> T) throws -> T {
        let value: T
        do {
            value = try body()
        } catch let error as NodeRankLost {
            // Nobody can agree on anything any more.
            throw error
        } catch {
            throw try agreedFailure(of: error, operation: operation) ?? error
        }
        if let failure = try agreedFailure(of: nil, operation: operation) { throw failure }
        return value
    }

    /// Exchanges the outcomes of all ranks and returns the error that this rank has to throw, if any.
    private func agreedFailure(of error: (any Error)?, operation: String) throws -> (any Error)? {
        // A rank that merely repeats the failure of another one, from a nested agreement, speaks last.
        let vote = error.map { $0.shouldReport ? rank : size + rank } ?? 2 * size
        let lowest = Int(try allreduce(Int64(vote), .minimum))
        guard lowest < 2 * size else { return nil }
        let speaker = lowest % size
        let message = try broadcast(text: rank == speaker ? error?.message ?? "" : "", root: speaker)
        let isSharedMemoryError = try broadcast(
            Int64(error?.isSharedMemoryError == true ? 1 : 0), root: speaker)

        if rank == speaker, let error {
            let isComplete = size == 1 || (error is any AgreedFailure && error.shouldReport)
            return isComplete ? error : RankFailure(rank: rank, operation: operation, underlying: error)
        }
        return error as? FailureElsewhere
            ?? FailureElsewhere(
                rank: speaker, operation: operation, message: message,
                isSharedMemoryError: isSharedMemoryError == 1)
    }
}
