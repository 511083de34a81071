import Tensors
import Testing

@Suite struct AlignedBufferTests {
    @Test("Memory begins at a multiple of 64 bytes", arguments: [0, 1, 2, 3, 17, 1000, 100_003])
    func alignment(count: Int) {
        let singles = AlignedBuffer<Float>(repeating: 0, count: count)
        let bytes = AlignedBuffer<UInt8>(repeating: 0, count: count)
        #expect(AlignedBuffer<Float>.alignment == 64)
        #expect(Int(bitPattern: singles.vector.base) % 64 == 0)
        #expect(Int(bitPattern: bytes.vector.base) % 64 == 0)
    }

    @Test("Every scalar has the value it was given", arguments: [0, 1, 17, 1000])
    func contents(count: Int) {
        let buffer = AlignedBuffer<Double>(repeating: 1.5, count: count)
        #expect(buffer.count == count)
        #expect(buffer.vector.array == [Double](repeating: 1.5, count: count))
    }

    @Test("A buffer lives to the end of its scope, not only to its last mention")
    func lifetime() {
        let first = AlignedBuffer<Float>(repeating: 1, count: 1024)
        let view = first.vector
        // Were the first one freed already, the allocator would hand out its place again.
        let second = AlignedBuffer<Float>(repeating: 2, count: 1024)
        #expect(second.vector.base != view.base)
        #expect(view[1023] == 1)
    }

    @Test("Parts and rows are views of the same memory")
    func views() {
        let buffer = AlignedBuffer<Float>(repeating: 0, count: 12)
        let matrix = buffer.matrix(rows: 3, columns: 4)
        matrix[1, 2] = 7
        #expect(buffer.vector[6] == 7)
        #expect(matrix[rows: 1..<2][0, 2] == 7)
        #expect(buffer.vector[5..<8].array == [0, 7, 0])
        buffer.vector[4..<8].fill(3)
        #expect(matrix.vector.array == [0, 0, 0, 0, 3, 3, 3, 3, 0, 0, 0, 0])
        buffer.vector[0..<4].copy(from: matrix[rows: 1..<2].vector)
        #expect(matrix.vector.array == [3, 3, 3, 3, 3, 3, 3, 3, 0, 0, 0, 0])
        #expect(matrix[rows: 0..<2].hasShape(of: buffer.matrix(rows: 2, columns: 4)))
        #expect(!matrix.hasShape(of: buffer.matrix(rows: 4, columns: 3)))
    }

    @Test(
        "More memory than there is, or than can be counted, is an error",
        arguments: [1 << 55, 1 << 61, Int.max / 8, Int.max, -1, Int.min])
    func refusal(count: Int) {
        #expect(throws: AllocationError(count: count, stride: 8)) {
            _ = try AlignedBuffer<Double>(allocating: count).count
        }
        #expect(throws: AllocationError.self) { _ = try AlignedBuffer<UInt8>(allocating: count).count }
    }

    @Test("What was allocated is zero, or filled", arguments: [0, 1, 1000])
    func allocating(count: Int) throws {
        let zeros = try AlignedBuffer<Float>(allocating: count)
        let ones = try AlignedBuffer<Float>(allocating: count, filledWith: 1)
        #expect(zeros.vector.array == [Float](repeating: 0, count: count))
        #expect(ones.vector.array == [Float](repeating: 1, count: count))
    }
}
