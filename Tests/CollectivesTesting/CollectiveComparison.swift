public import Collectives

/// Calls the same collectives of two communicators of the same ranks and notes where the results differ.
///
/// The elements are small whole numbers, different on every rank, whose sums are exact in every type and order.
public struct CollectiveComparison {
    /// One line for each difference that this rank has seen.
    public private(set) var differences: [String] = []
    /// How many results were compared.
    public private(set) var comparisons = 0

    private let tested: any Communicator
    private let reference: any Communicator
    private let counts: [Int]

    /// A comparison at the given numbers of elements.
    public init(_ tested: any Communicator, with reference: any Communicator, counts: [Int]) {
        self.tested = tested
        self.reference = reference
        self.counts = counts
    }

    /// Compares every collective with every element type. Collective: every rank must call it.
    public mutating func run() throws {
        try run(Float.self)
        try run(Double.self)
        try run(Int32.self)
        try run(Int64.self)
        try run(UInt64.self)
        try run(UInt8.self)
    }

    private func contribution<E: NumberElement>(_ type: E.Type, count: Int) -> [E] {
        (0..<count).map { E(exactlyRepresented: ($0 * 7 + tested.rank * 13 + 1) % 31) }
    }

    private mutating func compare<E: NumberElement>(
        _ name: String, _ result: (any Communicator) throws -> [E]
    ) throws {
        let found = try result(tested)
        let expected = try result(reference)
        comparisons += 1
        guard found != expected else { return }
        let index = zip(found, expected).enumerated().first { $1.0 != $1.1 }?.offset ?? -1
        differences.append("rank \(tested.rank) of \(tested.size): \(name) of \(E.self) differs at \(index)")
    }

    private mutating func run<E: NumberElement>(_ type: E.Type) throws {
        for count in counts {
            let own = contribution(type, count: count)
            for operation in ReductionOperation.allCases {
                try compare("allreduce (\(operation)) of \(count)") { communicator in
                    var values = own
                    try communicator.allreduce(&values, operation)
                    return values
                }
            }
            for root in Set([0, tested.size / 2, tested.size - 1]).sorted() {
                try compare("broadcast of \(count) from \(root)") { communicator in
                    var values = own
                    try communicator.broadcast(&values, root: root)
                    return values
                }
            }
            try compare("allgather of \(count)") { try $0.allgather(own) }
            try compareSegments(type, scale: count / max(tested.size, 1))
            try tested.barrier()
        }
    }

    private mutating func compareSegments<E: NumberElement>(_ type: E.Type, scale: Int) throws {
        // Every fourth rank has nothing to give, the others more and more.
        let counts = (0..<tested.size).map { $0 % 4 == 1 ? 0 : scale * ($0 + 1) / 2 + 1 }
        let start = counts[..<tested.rank].reduce(0, +)
        let own = contribution(type, count: counts[tested.rank])
        try compare("allgather of segments \(counts)") { communicator in
            var buffer = [E](repeating: E(exactlyRepresented: 99), count: counts.reduce(0, +))
            buffer.replaceSubrange(start..<start + own.count, with: own)
            try buffer.withUnsafeMutableBufferPointer {
                try communicator.allgather(segmentsOf: $0, counts: counts)
            }
            return buffer
        }
    }
}

/// A collective's element that can be made from a small whole number.
public protocol NumberElement: CollectiveElement {
    /// The number, which the type can hold.
    init(exactlyRepresented number: Int)
}

extension Float: NumberElement {
    /// The number.
    public init(exactlyRepresented number: Int) { self = Float(number) }
}
extension Double: NumberElement {
    /// The number.
    public init(exactlyRepresented number: Int) { self = Double(number) }
}
extension Int32: NumberElement {
    /// The number.
    public init(exactlyRepresented number: Int) { self = Int32(number) }
}
extension Int64: NumberElement {
    /// The number.
    public init(exactlyRepresented number: Int) { self = Int64(number) }
}
extension UInt64: NumberElement {
    /// The number.
    public init(exactlyRepresented number: Int) { self = UInt64(number) }
}
extension UInt8: NumberElement {
    /// The number.
    public init(exactlyRepresented number: Int) { self = UInt8(number) }
}
