#if canImport(CryptoKit)
internal import CryptoKit
#else
internal import CLibcrypto
#endif

/// A hash that bytes are added to: SHA-256, or MD5 where a published checksum is one.
///
/// The system computes it: CryptoKit on Apple's systems, OpenSSL's libcrypto elsewhere. A value like any other: a copy goes
/// on from the bytes that were added before it was made.
public struct Digest: Sendable {
    #if canImport(CryptoKit)
    private var state: any HashFunction & Sendable

    private init(_ state: any HashFunction & Sendable) {
        self.state = state
    }
    #else
    private var state: Context

    private init(_ state: Context) {
        self.state = state
    }
    #endif

    /// A SHA-256 of nothing yet.
    public static func sha256() -> Digest {
        #if canImport(CryptoKit)
        return Digest(SHA256())
        #else
        guard let state = Context(EVP_sha256()) else {
            fatalError("libcrypto starts no SHA-256: expected a library of OpenSSL 1.1 or later that has it")
        }
        return Digest(state)
        #endif
    }

    /// An MD5 of nothing yet: good against accidents, not against malice.
    ///
    /// - Returns: nil where the system allows no MD5, as one in FIPS mode does.
    public static func md5() -> Digest? {
        #if canImport(CryptoKit)
        return Digest(Insecure.MD5())
        #else
        return Context(EVP_md5()).map(Digest.init)
        #endif
    }

    /// Adds bytes behind those that were added before.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        #if canImport(CryptoKit)
        state.update(bufferPointer: bytes)
        #else
        if !isKnownUniquelyReferenced(&state) { state = Context(copying: state) }
        state.update(bytes)
        #endif
    }

    /// Adds bytes behind those that were added before.
    public mutating func update(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { update($0) }
    }

    /// The hash of all bytes so far: 32 for SHA-256, 16 for MD5.
    public var bytes: [UInt8] {
        #if canImport(CryptoKit)
        return Array(state.finalize())
        #else
        return Context(copying: state).finish()
        #endif
    }

    /// ``bytes`` as lower-case hexadecimal digits.
    public var hexadecimal: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(
            decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}

#if !canImport(CryptoKit)
/// A hash of libcrypto's. Changed only while a single ``Digest`` refers to it, which makes it safe to send.
private final class Context: @unchecked Sendable {
    private let pointer: OpaquePointer

    /// - Returns: nil where libcrypto has no such hash, or refuses it.
    init?(_ function: OpaquePointer?) {
        guard let function, let pointer = EVP_MD_CTX_new() else { return nil }
        self.pointer = pointer
        if EVP_DigestInit_ex(pointer, function, nil) != 1 { return nil }
    }

    init(copying other: Context) {
        guard let pointer = EVP_MD_CTX_new(), EVP_MD_CTX_copy_ex(pointer, other.pointer) == 1 else {
            fatalError("libcrypto cannot copy a hash: expected memory for it, found none")
        }
        self.pointer = pointer
    }

    deinit { EVP_MD_CTX_free(pointer) }

    func update(_ bytes: UnsafeRawBufferPointer) {
        guard EVP_DigestUpdate(pointer, bytes.baseAddress, bytes.count) == 1 else {
            fatalError("libcrypto cannot hash \(bytes.count) bytes")
        }
    }

    func finish() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Int(EVP_MAX_MD_SIZE)) { bytes, count in
            var size: UInt32 = 0
            guard EVP_DigestFinal_ex(pointer, bytes.baseAddress, &size) == 1 else {
                fatalError("libcrypto cannot finish a hash")
            }
            count = Int(size)
        }
    }
}
#endif
