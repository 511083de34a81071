/// The fixed binary tree in which sums over chunks of the records come together.
///
/// A range of chunks is split at the largest power of two below its number, each half is summed, then the two. So the order of
/// additions depends on the number of chunks alone. Workers own neighbouring chunks; whatever nodes of the tree lie within one
/// worker's chunks it sums alone, and only these sums travel.
struct ChunkTree {
    /// A node whose chunks all belong to one worker, as high in the tree as possible.
    struct Node {
        let worker: Int
        let chunks: Range<Int>
    }

    let chunkCount: Int
    /// All such nodes, in the order of their chunks, and so of their workers.
    let nodes: [Node]

    init(chunkCount: Int, workers: Int) {
        self.chunkCount = chunkCount
        var owners: [Int] = []
        for worker in 0..<workers {
            owners += Self.chunks(of: worker, workers: workers, chunkCount: chunkCount).map { _ in worker }
        }
        func nodes(_ range: Range<Int>) -> [Node] {
            if owners[range.lowerBound] == owners[range.upperBound - 1] {
                return [Node(worker: owners[range.lowerBound], chunks: range)]
            }
            let (left, right) = Self.halves(range)
            return nodes(left) + nodes(right)
        }
        self.nodes = chunkCount == 0 ? [] : nodes(0..<chunkCount)
    }

    /// The chunks of a worker.
    static func chunks(of worker: Int, workers: Int, chunkCount: Int) -> Range<Int> {
        worker * chunkCount / workers..<(worker + 1) * chunkCount / workers
    }

    /// The two halves of a range of at least two chunks.
    static func halves(_ range: Range<Int>) -> (Range<Int>, Range<Int>) {
        var half = 1
        while 2 * half < range.count { half *= 2 }
        let middle = range.lowerBound + half
        return (range.lowerBound..<middle, middle..<range.upperBound)
    }

    /// Adds what the nodes have summed, in the tree's order, into the first.
    ///
    /// - Parameter add: Called with the places of two nodes: adds the second's sum to the first's.
    func combine(_ add: (_ into: Int, _ from: Int) -> Void) {
        var next = 0
        // Returns the place where the sum of the range is.
        func sum(_ range: Range<Int>) -> Int {
            if nodes[next].chunks == range {
                next += 1
                return next - 1
            }
            let (left, right) = Self.halves(range)
            let into = sum(left)
            add(into, sum(right))
            return into
        }
        if chunkCount > 0 { _ = sum(0..<chunkCount) }
    }
}
