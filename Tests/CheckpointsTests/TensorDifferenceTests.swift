import Checkpoints
import Foundation
import Testing

@Suite struct TensorDifferenceTests {
    private static let distances: [(Float, Float, UInt32)] = [
        (1, 1, 0), (1, Float(1).nextUp, 1), (1, Float(1).nextDown, 1), (0, -0.0, 0),
        (Float.leastNonzeroMagnitude, -Float.leastNonzeroMagnitude, 2), (1, 2, 8_388_608),
        (-1, -2, 8_388_608),
        (Float.greatestFiniteMagnitude, Float.infinity, 1), (-Float.infinity, Float.infinity, 0xff00_0000),
    ]

    @Test(arguments: distances)
    func `The distance counts the steps between neighbours, in both directions`(
        first: Float, second: Float, distance: UInt32
    ) {
        #expect(Float.unitsInTheLastPlace(between: first, and: second) == distance)
        #expect(Float.unitsInTheLastPlace(between: second, and: first) == distance)
    }

    @Test func `What is no number has no distance`() {
        #expect(Float.unitsInTheLastPlace(between: .nan, and: 1) == nil)
        #expect(Float.unitsInTheLastPlace(between: .nan, and: .nan) == nil)
    }

    @Test func `Equal bits are no difference, in any order of the tensors`() throws {
        let tensors = [
            try NamedTensor(name: "a", shape: [2], floats: [1, .nan]), NamedTensor(name: "n", scalar: 3),
        ]
        #expect(TensorDifference.between(tensors, tensors.reversed()).isEmpty)
    }

    @Test func `The largest distance is found with its place and both elements`() throws {
        let first = try NamedTensor(name: "a", shape: [2, 3], floats: [1, 2, 3, 4, 5, 6])
        let second = try NamedTensor(
            name: "a", shape: [2, 3],
            floats: [Float(1).nextUp, 2, 3, 4, Float(5).nextUp.nextUp, Float(6).nextDown])
        let difference = try #require(TensorDifference.between([first], [second]).first)
        guard case .values(let values) = difference.kind else {
            Issue.record("\(difference)")
            return
        }
        #expect(values.count == 3 && values.elementCount == 6 && values.largest == 2)
        #expect(values.index == [1, 1] && values.first == "5.0" && values.second == "5.000001")
    }

    @Test func `Zeros of two signs are not the same bits, at distance 0`() throws {
        let difference = TensorDifference.between(
            [try NamedTensor(name: "a", shape: [1], floats: [0])],
            [try NamedTensor(name: "a", shape: [1], floats: [-0.0])])
        guard case .values(let values)? = difference.first?.kind else {
            Issue.record("\(difference)")
            return
        }
        #expect(values.count == 1 && values.largest == 0)
    }

    @Test func `A place without a number has no largest distance, and is told`() throws {
        let difference = TensorDifference.between(
            [try NamedTensor(name: "a", shape: [3], floats: [1, 2, 3])],
            [try NamedTensor(name: "a", shape: [3], floats: [9, .nan, 3])])
        guard case .values(let values)? = difference.first?.kind else {
            Issue.record("\(difference)")
            return
        }
        #expect(values.count == 2 && values.largest == nil && values.index == [1] && values.second == "nan")
    }

    @Test func `Missing and extra tensors, other shapes and other integers are named`() throws {
        let first = [
            NamedTensor(name: "extra", scalar: 1), NamedTensor(name: "n", integers: [1, 2]),
            try NamedTensor(name: "shape", shape: [2, 1], floats: [1, 2]),
        ]
        let second = [
            NamedTensor(name: "missing", scalar: 1), NamedTensor(name: "n", integers: [1, 5]),
            try NamedTensor(name: "shape", shape: [1, 2], floats: [1, 2]),
        ]
        #expect(
            TensorDifference.between(first, second).map(\.description) == [
                "extra: only in the first", "missing: only in the second",
                "n: 1 of 2 elements differ, at [1]: 2 and 5", "shape: F32 [2, 1] and F32 [1, 2]",
            ])
    }
}
