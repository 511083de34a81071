/// What the machine can do, as measured with all ranks at work at once; each number is that of the fastest turn, since
/// whatever else the machine does can only slow a turn down.
public struct MachineLimits: Codable, Sendable, Equatable {
    /// The peaks of the units that multiply.
    public let peaks: [PeakMeasurement]
    /// Copies in memory, from small working sets to large ones.
    public let copies: [CopyMeasurement]
    /// Matrix products; nil where nobody asked.
    public internal(set) var products: [ProductMeasurement]?
    /// Barriers; nil on one rank, or where nobody asked.
    public internal(set) var barrier: BarrierMeasurement?
    /// Allreduces by size; empty on one rank, nil where nobody asked.
    public internal(set) var allreduces: [AllreduceMeasurement]?

    /// Limits of a machine.
    public init(peaks: [PeakMeasurement], copies: [CopyMeasurement]) {
        self.peaks = peaks
        self.copies = copies
    }

    /// The peak of a unit.
    public func peak(of unit: PeakMeasurement.Unit) -> PeakMeasurement? {
        peaks.first { $0.unit == unit }
    }

    /// The bytes per second of all ranks together that copies reach whose working set on each rank is of about this
    /// size: those of the smallest measured one that is no smaller, or of the largest.
    public func copyBytesPerSecond(workingSet: Double) -> Double {
        let copy = copies.first { Double($0.workingSetBytes) >= workingSet } ?? copies.last
        return copy?.bytesPerSecond ?? .infinity
    }
}
