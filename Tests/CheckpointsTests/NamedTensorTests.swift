import Checkpoints
import Foundation
import Testing

@Suite struct NamedTensorTests {
    @Test func `Floats are little-endian bytes and come back the same, NaN too`() throws {
        let floats: [Float] = [1, -2.5, .infinity, 0x1p-149]
        let tensor = try NamedTensor(name: "x", shape: [2, 2], floats: floats)
        #expect(tensor.elementType == .float32)
        #expect(tensor.bytes.prefix(8) == Data([0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc0]))
        #expect(try tensor.floats() == floats)
        let pattern: UInt32 = 0x7fc1_2345
        let nan = try NamedTensor(name: "n", shape: [], floats: [Float(bitPattern: pattern)])
        #expect(try nan.floats()[0].bitPattern == pattern)
    }

    @Test func `A tensor of floats where they are keeps their owner, for as long as it lives`() throws {
        final class Owner {
            let floats = UnsafeMutableBufferPointer<Float>.allocate(capacity: 100)
            init() { for index in floats.indices { floats[index] = Float(index) } }
            deinit { floats.deallocate() }
        }
        var owner: Owner? = Owner()
        weak let observed = owner
        var tensor: NamedTensor?
        if let owner {
            tensor = try NamedTensor(
                name: "x", shape: [10, 10], floats: UnsafeBufferPointer(owner.floats), of: owner)
            owner.floats[7] = -1
        }
        owner = nil
        #expect(observed != nil)
        #expect(try tensor?.floats().prefix(8) == [0, 1, 2, 3, 4, 5, 6, -1])
        tensor = nil
        #expect(observed == nil)
    }

    @Test func `Integers come back the same, alone and in a row`() throws {
        #expect(try NamedTensor(name: "i", scalar: .min).integer() == .min)
        let row = NamedTensor(name: "i", integers: [1, -1, .max])
        #expect(row.shape == [3])
        #expect(row.bytes.prefix(9) == Data([1, 0, 0, 0, 0, 0, 0, 0, 0xff]))
        #expect(try row.integers() == [1, -1, .max])
        #expect(throws: SafetensorsError.self) { try row.integer() }
    }

    @Test func `Copying needs the right type and count`() throws {
        let tensor = try NamedTensor(name: "x", shape: [3], floats: [1, 2, 3])
        var target: [Float] = [0, 0, 0]
        try target.withUnsafeMutableBufferPointer { try tensor.copyFloats(to: $0) }
        #expect(target == [1, 2, 3])
        var small: [Float] = [0, 0]
        let error = #expect(throws: SafetensorsError.self) {
            try small.withUnsafeMutableBufferPointer { try tensor.copyFloats(to: $0) }
        }
        #expect(error?.description == "tensor x: expected 2 elements of type F32, found 3 of type F32")
        #expect(throws: SafetensorsError.self) { try NamedTensor(name: "i", scalar: 1).floats() }
    }

    @Test func `A shape that does not fit the bytes is refused`() {
        #expect(throws: SafetensorsError.self) { try NamedTensor(name: "x", shape: [2], floats: [1]) }
        for shape in [[-1], [Int.max, 2], [Int.max, Int.max, 0]] {
            #expect(throws: SafetensorsError.self) {
                try NamedTensor(name: "x", elementType: .float32, shape: shape, bytes: Data())
            }
        }
    }

    @Test func `The digest is the one of the documented bytes, whatever the order`() throws {
        let a = try NamedTensor(name: "a", shape: [1, 2], floats: [1, -2])
        let b = NamedTensor(name: "b", scalar: 7)
        // hashlib.sha256(q(1)+b"a"+q(3)+b"F32"+q(2)+q(1)+q(2)+q(8)+struct.pack("<2f",1,-2)
        //   +q(1)+b"b"+q(3)+b"I64"+q(0)+q(8)+q(7)) with q = lambda n: struct.pack("<Q", n)
        let expected = "997d7a66950b9cecdfc92086d2b019a716932c5c1774cdb9252067e78ec1bebc"
        #expect(TensorDigest.sha256(of: [a, b]) == expected)
        #expect(TensorDigest.sha256(of: [b, a]) == expected)
        #expect(
            TensorDigest.sha256(of: []) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    }

    @Test func `The digest tells names, types and shapes apart`() throws {
        let bytes = Data(count: 8)
        let variants = [
            try NamedTensor(name: "a", elementType: .float32, shape: [2], bytes: bytes),
            try NamedTensor(name: "b", elementType: .float32, shape: [2], bytes: bytes),
            try NamedTensor(name: "a", elementType: .int32, shape: [2], bytes: bytes),
            try NamedTensor(name: "a", elementType: .float32, shape: [1, 2], bytes: bytes),
            try NamedTensor(name: "a", elementType: .float32, shape: [2, 1], bytes: bytes),
            try NamedTensor(name: "a", elementType: .int64, shape: [], bytes: bytes),
        ]
        #expect(Set(variants.map { TensorDigest.sha256(of: [$0]) }).count == variants.count)
    }
}
