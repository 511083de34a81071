public import Collectives
public import Tensors

extension MatmulPrecision {
    /// The most exact one that is not slower than another one on any rank's CPU. Collective: every rank must call it.
    ///
    /// - Throws: The communicator's error.
    public static func fastestExact(over communicator: any Communicator) throws -> MatmulPrecision {
        let isHigh = try communicator.allreduce(Int64(fastestExact == .high ? 1 : 0), .minimum)
        return isHigh == 1 ? .high : .highest
    }
}
