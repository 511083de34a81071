internal import Digests
internal import Foundation

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
