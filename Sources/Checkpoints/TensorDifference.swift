internal import Digests
internal import Foundation

/// How a tensor of one checkpoint differs from the tensor of that name in another.
public struct TensorDifference: Sendable, Equatable, CustomStringConvertible {
    /// In what way.
    public enum Kind: Sendable, Equatable {
        /// Only the second has it.
        case missing
        /// Only the first has it.
        case extra
        /// Element type or shape are not the same: both in words, such as `F32 [10]`.
        case form(first: String, second: String)
        /// Some elements do not have the same bits.
        case values(Values)
    }

    /// Elements that do not have the same bits.
    public struct Values: Sendable, Equatable {
        /// How many.
        public let count: Int
        /// How many elements the tensor has.
        public let elementCount: Int
        /// The largest difference, in units in the last place; nil where an element of one or both is no number, and for
        /// element types other than F32.
        public let largest: UInt32?
        /// Where the largest difference is, or the first one where there is no largest: an index for each dimension.
        public let index: [Int]
        /// The element there, in both.
        public let first: String
        /// The element there, in both.
        public let second: String
    }

    /// The tensor's name.
    public let name: String
    /// In what way it differs.
    public let kind: Kind

    /// One line.
    public var description: String {
        switch kind {
        case .missing: return "\(name): only in the second"
        case .extra: return "\(name): only in the first"
        case .form(let first, let second): return "\(name): \(first) and \(second)"
        case .values(let values):
            let distance = values.largest.map { ", at most \($0) units in the last place" } ?? ""
            return "\(name): \(values.count) of \(values.elementCount) elements differ\(distance), at"
                + " \(values.index): \(values.first) and \(values.second)"
        }
    }

    /// Compares two sets of tensors bit by bit.
    ///
    /// - Returns: A difference for each name whose tensors are not the same bits, in order of the names' UTF-8 bytes.
    public static func between(_ first: [NamedTensor], _ second: [NamedTensor]) -> [TensorDifference] {
        let firstByName = Dictionary(first.map { ($0.name, $0) }) { old, _ in old }
        let secondByName = Dictionary(second.map { ($0.name, $0) }) { old, _ in old }
        let names = Set(firstByName.keys).union(secondByName.keys)
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.compactMap { name in
            guard let first = firstByName[name] else { return TensorDifference(name: name, kind: .missing) }
            guard let second = secondByName[name] else { return TensorDifference(name: name, kind: .extra) }
            return kind(first, second).map { TensorDifference(name: name, kind: $0) }
        }
    }

    private static func kind(_ first: NamedTensor, _ second: NamedTensor) -> Kind? {
        guard first.elementType == second.elementType, first.shape == second.shape else {
            return .form(first: form(of: first), second: form(of: second))
        }
        guard first.bytes != second.bytes else { return nil }
        if let a = try? first.floats(), let b = try? second.floats() {
            return .values(values(a, b, first.shape))
        }
        let size = first.elementType.size
        let indices = (0..<first.elementCount).filter { bits(first, $0, size) != bits(second, $0, size) }
        return .values(
            Values(
                count: indices.count, elementCount: first.elementCount, largest: nil,
                index: position(indices[0], in: first.shape), first: text(first, indices[0]),
                second: text(second, indices[0])))
    }

    private static func values(_ first: [Float], _ second: [Float], _ shape: [Int]) -> Values {
        var count = 0
        var hasDistance = true
        var largest: (distance: UInt32, index: Int)?
        for index in first.indices where first[index].bitPattern != second[index].bitPattern {
            count += 1
            guard hasDistance else { continue }
            if let distance = Float.unitsInTheLastPlace(between: first[index], and: second[index]) {
                if largest.map({ distance > $0.distance }) ?? true { largest = (distance, index) }
            } else {
                hasDistance = false
                largest = (0, index)
            }
        }
        let index = largest?.index ?? 0
        return Values(
            count: count, elementCount: first.count, largest: hasDistance ? largest?.distance : nil,
            index: position(index, in: shape), first: "\(first[index])", second: "\(second[index])")
    }

    private static func form(of tensor: NamedTensor) -> String {
        "\(tensor.elementType.rawValue) \(tensor.shape)"
    }

    private static func bits(_ tensor: NamedTensor, _ index: Int, _ size: Int) -> Data {
        tensor.bytes.dropFirst(index * size).prefix(size)
    }

    private static func text(_ tensor: NamedTensor, _ index: Int) -> String {
        if let integers = try? tensor.integers() { return "\(integers[index])" }
        let bytes = bits(tensor, index, tensor.elementType.size)
        return "0x"
            + bytes.reversed().map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    /// The index in each dimension of an element in row-major order.
    private static func position(_ index: Int, in shape: [Int]) -> [Int] {
        var rest = index
        var position: [Int] = []
        for dimension in shape.reversed() {
            position.append(rest % dimension)
            rest /= dimension
        }
        return position.reversed()
    }
}

extension Float {
    /// How many steps from one representable number to the next lie between two numbers: 0 for equal ones and for 0 and −0,
    /// 1 for neighbours, also across 0; infinity is the neighbour of the largest number. Nil if either is no number, since
    /// no distance is defined then.
    public static func unitsInTheLastPlace(between first: Float, and second: Float) -> UInt32? {
        guard !first.isNaN && !second.isNaN else { return nil }
        // Bit patterns are ordered like magnitudes; below 0 the order turns round.
        func rank(_ value: Float) -> Int64 {
            let magnitude = Int64(value.magnitude.bitPattern)
            return value.sign == .minus ? -magnitude : magnitude
        }
        return UInt32((rank(first) - rank(second)).magnitude)
    }
}

/// A hash by which two sets of tensors can be compared, whatever file they are in.
public enum TensorDigest {
    /// Returns the SHA-256 of `tensors`, as 64 lower-case hexadecimal digits.
    ///
    /// The order in which they are given does not matter: they are taken in ascending order of the UTF-8 bytes of
    /// their names. What is hashed is, for each of them in turn, where an integer is unsigned, 8 bytes long and
    /// little-endian:
    ///
    /// 1. the number of UTF-8 bytes of its name, and these bytes;
    /// 2. the number of bytes of its element type's name in safetensors ("F32": 3), and these bytes;
    /// 3. the number of its dimensions, and each dimension, outermost first;
    /// 4. the number of bytes of its elements, and these bytes, little-endian and row-major.
    public static func sha256(of tensors: [NamedTensor]) -> String {
        var hash = Digest.sha256()
        for tensor in tensors.sorted(by: { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }) {
            update(&hash, Data(tensor.name.utf8))
            update(&hash, Data(tensor.elementType.rawValue.utf8))
            update(&hash, tensor.shape.count)
            for dimension in tensor.shape { update(&hash, dimension) }
            update(&hash, tensor.bytes)
        }
        return hash.hexadecimal
    }
}

/// A hash of what a checkpoint says besides its tensors.
public enum MetadataDigest {
    /// The key under which it stands in the metadata; checkpoints of earlier programs have none.
    public static let key = "metadata_sha256"

    /// Returns the SHA-256 of metadata, as 64 lower-case hexadecimal digits.
    ///
    /// What is hashed is, for each pair but that of ``key``, in ascending order of the UTF-8 bytes of their keys: the
    /// number of UTF-8 bytes of the key as in ``TensorDigest``, these bytes, and the same of the value. `tensors_sha256` is
    /// one of the pairs, so that this digest covers the tensors, too.
    public static func sha256(of metadata: [String: String]) -> String {
        var hash = Digest.sha256()
        for (key, value) in metadata.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) })
        where key != Self.key {
            update(&hash, Data(key.utf8))
            update(&hash, Data(value.utf8))
        }
        return hash.hexadecimal
    }
}

private func update(_ hash: inout Digest, _ integer: Int) {
    withUnsafeBytes(of: UInt64(integer).littleEndian) { hash.update($0) }
}

private func update(_ hash: inout Digest, _ bytes: Data) {
    update(&hash, bytes.count)
    bytes.withUnsafeBytes { hash.update($0) }
}
