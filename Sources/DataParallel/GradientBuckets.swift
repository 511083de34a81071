internal import Collectives
internal import MLPEngine
internal import Tensors

/// The weight gradients of a step in fixed point, in memory that the ranks of a node share, in pieces of about a megabyte
/// each, the *buckets*: some columns of one layer, which the leaders of the nodes sum while the others are computed.
///
/// What is a bucket follows from the network alone, so all nodes have the same. The leaders' ``CommunicationThread`` sums
/// them in the order in which they are started, that of the backward pass; where some library lets only one thread
/// communicate, the leaders sum them in the end.
final class GradientBuckets<Scalar: TensorScalar & CollectiveElement> {
    /// Some columns of a layer's gradient.
    struct Bucket {
        /// Its number among those of all layers.
        let index: Int
        /// The panels of columns that it has, and these columns.
        let panels: Range<Int>
        let columns: Range<Int>
        /// Their sums [N, columns].
        let sums: FixedPointSums<Scalar>
    }

    /// A layer's gradient.
    struct Layer {
        /// The units of its rows.
        let units: FixedPointUnits<Scalar>
        /// In the order of their columns.
        let buckets: [Bucket]

        /// Writes some columns as numbers [N, columns].
        func write(_ columns: Range<Int>, into numbers: Matrix<Scalar>) {
            // By index: enumerating an array of a generic type allocates.
            for index in buckets.indices {
                let bucket = buckets[index]
                let part = columns.clamped(to: bucket.columns)
                guard !part.isEmpty else { continue }
                let start = bucket.columns.lowerBound
                units.write(
                    bucket.sums, columns: part.lowerBound - start..<part.upperBound - start, into: numbers,
                    at: part.lowerBound - columns.lowerBound)
            }
        }
    }

    /// The layers, by their number among the linear ones.
    let layers: [Layer]

    /// Large enough for a link's speed rather than its latency to count, small enough for the first one to leave early.
    private static var bucketByteCount: Int { 1 << 20 }

    private let panelsAtOnce: Int
    private let unitMemory: AlignedBuffer<Scalar>
    private let region: SharedRegion
    /// On the leaders, where all nodes have one.
    private let thread: CommunicationThread?
    /// What sums each bucket; kept, so that a step allocates nothing.
    private let operations: [CommunicationThread.Operation]

    /// Room for the gradients. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - shardCount: The terms of each sum, on all nodes together.
    ///   - panelsAtOnce: The panels that ranks and threads do not divide.
    /// - Throws: `SharedMemoryError`, `AllocationError`, or the communicator's error.
    init(_ network: Sequential, group: NodeGroup, shardCount: Int, panelsAtOnce: Int) throws {
        self.panelsAtOnce = panelsAtOnce
        let (pieces, byteCount) = Self.places(network, panelsAtOnce: panelsAtOnce)
        let region = try group.makeRegion(byteCount: byteCount)
        self.region = region
        unitMemory = try AlignedBuffer(
            allocating: network.linears.reduce(0) { $0 + FixedPointUnits<Scalar>.count(rows: $1.outputs) })
        var (layers, operations, start) = ([Layer](), [CommunicationThread.Operation](), 0)
        for (linear, pieces) in zip(network.linears, pieces) {
            let end = start + FixedPointUnits<Scalar>.count(rows: linear.outputs)
            var buckets = [Bucket]()
            for piece in pieces {
                let sums = FixedPointSums<Scalar>(
                    piece.place.vector(in: region), rows: linear.outputs, columns: piece.columns.count)
                buckets.append(
                    Bucket(
                        index: operations.count, panels: piece.panels, columns: piece.columns, sums: sums))
                operations.append { try GradientBuckets.sum(sums.bytes, in: region, over: $0) }
            }
            layers.append(
                Layer(
                    units: FixedPointUnits(unitMemory.vector[start..<end], terms: shardCount),
                    buckets: buckets))
            start = end
        }
        (self.layers, self.operations) = (layers, operations)
        var thread: CommunicationThread?
        try group.betweenNodes { thread = try CommunicationThread($0) }
        self.thread = thread
    }

    private typealias Piece = (panels: Range<Int>, columns: Range<Int>, place: RegionPlan.Place<UInt8>)

    /// Where the buckets of each layer lie in a node's shared region.
    private static func places(
        _ network: Sequential, panelsAtOnce: Int
    ) -> (pieces: [[Piece]], byteCount: Int) {
        var plan = RegionPlan()
        let pieces = network.linears.map { linear in
            Self.pieces(of: linear, panelsAtOnce: panelsAtOnce).map { panels in
                let columns = Self.columns(panels, of: linear)
                let byteCount = linear.outputs * columns.count * MemoryLayout<Scalar>.stride
                return (panels: panels, columns: columns, place: plan.add(UInt8.self, count: byteCount))
            }
        }
        return (pieces, plan.byteCount)
    }

    /// The bytes of a node's shared region, but for what the borders of buckets take.
    static func byteCount(_ network: Sequential) -> Int { places(network, panelsAtOnce: 1).byteCount }

    /// The bytes of each layer's buckets, whose borders may lie a few columns elsewhere.
    static func byteCounts(_ network: Sequential) -> [[Int]] {
        places(network, panelsAtOnce: 1).pieces.map { $0.map(\.place.byteCount) }
    }

    /// The panels of a layer's buckets.
    private static func pieces(of linear: Linear, panelsAtOnce: Int) -> [Range<Int>] {
        let panels = PackedMatrix<Scalar>.panelCount(linear.inputs)
        let units = (panels + panelsAtOnce - 1) / panelsAtOnce
        let byteCount = linear.inputs * linear.outputs * MemoryLayout<Scalar>.stride
        let count = min((byteCount + bucketByteCount - 1) / bucketByteCount, units)
        return (0..<count).map {
            Range(part: $0, of: count, dividing: units).inUnits(of: panelsAtOnce, upTo: panels)
        }
    }

    private static func columns(_ panels: Range<Int>, of linear: Linear) -> Range<Int> {
        panels.inUnits(of: PackedMatrix<Scalar>.panelWidth, upTo: linear.inputs)
    }

    /// The panels of a bucket that a rank of the node computes.
    func panels(of bucket: Bucket, localRank: Int, localSize: Int) -> Range<Int> {
        let units = (bucket.panels.count + panelsAtOnce - 1) / panelsAtOnce
        let own = Range(part: localRank, of: localSize, dividing: units).inUnits(
            of: panelsAtOnce, upTo: bucket.panels.count)
        return bucket.panels.lowerBound + own.lowerBound..<bucket.panels.lowerBound + own.upperBound
    }

    /// Has the leaders sum a bucket that is complete on this node; on other ranks, and where the leaders sum all in the end,
    /// it does nothing. Collective: every rank must call it, in the same order of buckets.
    func start(_ bucket: Bucket) {
        thread?.start(operations[bucket.index])
    }

    /// Returns when all buckets have the sums of all nodes. Collective: the leaders of all nodes must call it.
    ///
    /// - Throws: The communicator's error.
    func finish(over leaders: any Communicator) throws {
        if let thread { return try thread.wait() }
        for index in operations.indices { try operations[index](leaders) }
    }

    /// Sums integers over the nodes. The bytes are the region's.
    private static func sum(
        _ bytes: Vector<UInt8>, in region: SharedRegion, over leaders: any Communicator
    ) throws {
        func sum<Element: CollectiveElement>(_: Element.Type) throws {
            let count = bytes.count / MemoryLayout<Element>.stride
            let elements = UnsafeMutableRawPointer(bytes.base).bindMemory(to: Element.self, capacity: count)
            try withExtendedLifetime(region) {
                try leaders.idleAllreduce(UnsafeMutableBufferPointer(start: elements, count: count), .sum)
            }
        }
        switch Scalar.precision {
        case .single: try sum(Int32.self)
        case .double: try sum(Int64.self)
        }
    }
}
