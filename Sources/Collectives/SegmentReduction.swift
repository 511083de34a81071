/// Sums and extremes over arrays, each element by element in the order of the
/// arrays: result[i] = ((a₀[i] ∘ a₁[i]) ∘ a₂[i]) ∘ ….
package enum SegmentReduction {
    /// How many bytes are combined at a time, so that the intermediate results stay in the first cache.
    private static let blockByteCount = 8192

    /// Combines elements of all arrays.
    ///
    /// - Parameters:
    ///   - arrays: Where the arrays are.
    ///   - range: Which elements.
    ///   - result: The array for the results, of which only those of the range are written; none of the arrays.
    package static func combine<E: CollectiveElement>(
        _ arrays: SegmentArrays, range: Range<Int>, into result: UnsafeMutablePointer<E>,
        _ operation: ReductionOperation
    ) {
        let result = UnsafeMutableRawPointer(result)
        // Concrete types, for which the compiler makes loops of vector instructions.
        switch E.elementType {
        case .float: combine(Float.self, arrays, range, result, operation)
        case .double: combine(Double.self, arrays, range, result, operation)
        case .int32: combine(Int32.self, arrays, range, result, operation)
        case .int64: combine(Int64.self, arrays, range, result, operation)
        case .uint64: combine(UInt64.self, arrays, range, result, operation)
        case .uint8: combine(UInt8.self, arrays, range, result, operation)
        }
    }

    private static func combine<E: CollectiveElement>(
        _ type: E.Type, _ arrays: SegmentArrays, _ range: Range<Int>, _ result: UnsafeMutableRawPointer,
        _ operation: ReductionOperation
    ) {
        guard !range.isEmpty else { return }
        switch operation {
        case .sum: combine(type, arrays, range, result) { E.collectiveSum($0, $1) }
        case .minimum: combine(type, arrays, range, result) { $1 < $0 ? $1 : $0 }
        case .maximum: combine(type, arrays, range, result) { $0 < $1 ? $1 : $0 }
        }
    }

    @inline(__always)
    private static func combine<E: CollectiveElement>(
        _ type: E.Type, _ arrays: SegmentArrays, _ range: Range<Int>, _ result: UnsafeMutableRawPointer,
        _ operation: (E, E) -> E
    ) {
        let result = result.bindMemory(to: E.self, capacity: range.upperBound)
        func array(_ index: Int) -> UnsafePointer<E> {
            UnsafePointer(arrays[index].bindMemory(to: E.self, capacity: range.upperBound))
        }
        let first = array(0)
        guard arrays.count > 1 else {
            (result + range.lowerBound).update(from: first + range.lowerBound, count: range.count)
            return
        }
        let second = array(1)
        var start = range.lowerBound
        while start < range.upperBound {
            let end = min(start + blockByteCount / MemoryLayout<E>.stride, range.upperBound)
            for i in start..<end { result[i] = operation(first[i], second[i]) }
            for index in 2..<max(arrays.count, 2) {
                let next = array(index)
                for i in start..<end { result[i] = operation(result[i], next[i]) }
            }
            start = end
        }
    }

    /// The part of `count` elements that one of several ranks combines: whole cache lines, but for the end.
    package static func slice(
        of count: Int, elementSize: Int, rank: Int, size: Int
    ) -> Range<Int> {
        let line = max(64 / elementSize, 1)
        let lines = (count + line - 1) / line
        let lower = min(lines * rank / size * line, count)
        return lower..<min(lines * (rank + 1) / size * line, count)
    }
}

/// Where the arrays of the ranks of a node are: at equal distances in shared memory, but one of them may be elsewhere.
package struct SegmentArrays {
    /// The first array, at an address that suits the element type.
    package let start: UnsafeMutableRawPointer
    /// Bytes from each array to the next.
    package let stride: Int
    /// How many arrays; at least 1.
    package let count: Int
    /// The one that is elsewhere, with its address.
    package var exception: (index: Int, start: UnsafeMutableRawPointer)?

    /// Arrays at equal distances.
    package init(start: UnsafeMutableRawPointer, stride: Int, count: Int) {
        (self.start, self.stride, self.count) = (start, stride, count)
    }

    /// The start of an array.
    package subscript(index: Int) -> UnsafeMutableRawPointer {
        if let exception, exception.index == index { return exception.start }
        return start + index * stride
    }
}
