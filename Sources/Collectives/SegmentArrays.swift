/// Where the arrays of the ranks of a node are: at equal distances in shared memory, but one of them may be elsewhere.
struct SegmentArrays {
    /// The first array, at an address that suits the element type.
    let start: UnsafeMutableRawPointer
    /// Bytes from each array to the next.
    let stride: Int
    /// How many arrays; at least 1.
    let count: Int
    /// The one that is elsewhere, with its address.
    var exception: (index: Int, start: UnsafeMutableRawPointer)?

    /// The start of an array.
    subscript(index: Int) -> UnsafeMutableRawPointer {
        if let exception, exception.index == index { return exception.start }
        return start + index * stride
    }
}
