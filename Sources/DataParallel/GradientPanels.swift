internal import Collectives
internal import MLPEngine
internal import Tensors

/// The exchange of weight gradients between nodes, of which every rank has computed some panels of columns over the whole
/// batch. Nothing is summed.
///
/// With it a node computes only its share of the gradients, but all of them travel; without it every node computes all
/// of them from the factors. Which is cheaper depends on the network and the machine, so it is tried at the start.
final class GradientPanels<Scalar: TensorScalar & CollectiveElement> {
    private let group: NodeGroup
    private let linears: [Linear]
    private let worldSize: Int
    private let rank: Int
    private let region: SharedRegion
    private let area: Vector<Scalar>
    /// Where each panel of each layer stands in the area.
    private let starts: [[Int]]
    /// Scalars of each node's ranks together.
    private let counts: [Int]

    private static var panelWidth: Int { PackedMatrix<Scalar>.panelWidth }

    /// The exchange, if there are several nodes and it is wanted or, where `wish` is nil, takes less time than computing
    /// everything on each. Collective: every rank must call it.
    ///
    /// - Throws: `SharedMemoryError`, or the communicator's error.
    static func ifWanted(
        _ wish: Bool?, group: NodeGroup, worldSize: Int, rank: Int, network: Sequential, batch: Int,
        products: PackedProducts<Scalar>
    ) throws -> GradientPanels? {
        guard group.nodeCount > 1, wish != false else { return nil }
        let exchange = try GradientPanels(
            group: group, worldSize: worldSize, rank: rank, linears: network.linears)
        if wish == true { return exchange }
        let clock = ContinuousClock()
        var exchangeTime = Duration.seconds(1)
        for _ in 0..<3 {
            let start = clock.now
            try exchange.run()
            exchangeTime = min(exchangeTime, clock.now - start)
        }
        // A rank that computes everything with its node computes so much more.
        let multiplications = network.linears.reduce(0) { $0 + $1.inputs * $1.outputs } * batch
        let more = 1 / Double(group.localSize) - 1 / Double(worldSize)
        let secondsMore = Double(multiplications) * more / (try products.multiplicationsPerSecond())
        var gain = [secondsMore - exchangeTime / .seconds(1)]
        try group.betweenNodes { try $0.allreduce(&gain, .minimum) }
        // The leader decides for its node.
        try group.node.broadcast(&gain, root: 0)
        return gain[0] > 0 ? exchange : nil
    }

    private init(group: NodeGroup, worldSize: Int, rank: Int, linears: [Linear]) throws {
        self.group = group
        self.linears = linears
        self.worldSize = worldSize
        self.rank = rank
        var starts = linears.map { [Int](repeating: 0, count: PackedMatrix<Scalar>.panelCount($0.inputs)) }
        var next = 0
        for rank in 0..<worldSize {
            let share = UpdateShare<Scalar>(index: rank, count: worldSize, panelsAtOnce: 1)
            for (index, linear) in linears.enumerated() {
                for panel in share.panels(of: linear) {
                    starts[index][panel] = next
                    next += linear.outputs * Self.panelWidth
                }
            }
        }
        self.starts = starts
        counts = Self.counts(linears, nodeOfRank: group.placement.nodeOfRank)
        var plan = RegionPlan()
        let place = plan.add(Scalar.self, count: next)
        region = try group.makeRegion(byteCount: plan.byteCount)
        area = place.vector(in: region)
    }

    /// The scalars that each node's ranks compute together, of all weight gradients.
    static func counts(_ linears: [Linear], nodeOfRank: [Int]) -> [Int] {
        var counts = [Int](repeating: 0, count: (nodeOfRank.max() ?? 0) + 1)
        for (rank, node) in nodeOfRank.enumerated() {
            let share = UpdateShare<Scalar>(index: rank, count: nodeOfRank.count, panelsAtOnce: 1)
            for linear in linears {
                counts[node] += share.panels(of: linear).count * linear.outputs * panelWidth
            }
        }
        return counts
    }

    /// The panels of a layer's weight gradient that this rank computes.
    func panels(of linear: Linear) -> Range<Int> {
        UpdateShare<Scalar>(index: rank, count: worldSize, panelsAtOnce: 1).panels(of: linear)
    }

    /// Puts the gradient [N, columns] of some columns where it can travel.
    func store(_ gradient: Matrix<Scalar>, columns: Range<Int>, of linear: Linear) {
        forEachPanel(of: columns, in: linear) { range, panel in
            panel.copy(from: StridedMatrix(gradient, columns: range))
        }
    }

    /// Takes the gradient [N, columns] of some columns from where it has arrived.
    func load(_ gradient: Matrix<Scalar>, columns: Range<Int>, of linear: Linear) {
        forEachPanel(of: columns, in: linear) { range, panel in
            StridedMatrix(gradient, columns: range).copy(from: panel)
        }
    }

    /// Brings all panels to all nodes. Collective: every rank must call it.
    func run() throws {
        try group.barrier()
        try group.betweenNodes { try $0.allgather(segmentsOf: area.buffer, counts: counts) }
    }

    private func forEachPanel(
        of columns: Range<Int>, in linear: Linear, _ body: (Range<Int>, Matrix<Scalar>) -> Void
    ) {
        for start in stride(from: columns.lowerBound, to: columns.upperBound, by: Self.panelWidth) {
            let width = min(Self.panelWidth, columns.upperBound - start)
            let place = starts[linear.index][start / Self.panelWidth]
            let panel = area[place..<place + linear.outputs * width].matrix(
                rows: linear.outputs, columns: width)
            body(start - columns.lowerBound..<start - columns.lowerBound + width, panel)
        }
    }
}
