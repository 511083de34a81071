internal import Collectives
internal import Tensors

/// Where things lie in a shared region, each from a cache line of its own on.
struct RegionPlan {
    /// A place for `count` scalars.
    struct Place<Scalar: BitwiseCopyable> {
        fileprivate let offset: Int
        fileprivate let count: Int

        /// The scalars in a region of the plan's size.
        func vector(in region: SharedRegion) -> Vector<Scalar> {
            Vector(
                base: (region.base + offset).bindMemory(to: Scalar.self, capacity: count), count: count)
        }
    }

    private(set) var byteCount = 0

    mutating func add<Scalar: BitwiseCopyable>(_: Scalar.Type, count: Int) -> Place<Scalar> {
        let alignment = AlignedBuffer<Scalar>.alignment
        defer {
            let end = byteCount + count * MemoryLayout<Scalar>.stride
            byteCount = (end + alignment - 1) / alignment * alignment
        }
        return Place(offset: byteCount, count: count)
    }
}
