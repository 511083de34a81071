import Digests
import Testing

/// Source of the expected values: FIPS 180-4's example of SHA-256 and RFC 1321's test suite of MD5.
@Suite struct DigestTests {
    @Test func `SHA-256 has the standard's values`() {
        var digest = Digest.sha256()
        #expect(digest.hexadecimal == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        digest.update(Array("abc".utf8))
        #expect(digest.hexadecimal == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(digest.bytes.prefix(3) == [0xBA, 0x78, 0x16])
        #expect(digest.bytes.count == 32)
    }

    @Test func `MD5 has the standard's values`() throws {
        var digest = try #require(Digest.md5())
        #expect(digest.hexadecimal == "d41d8cd98f00b204e9800998ecf8427e")
        digest.update(Array("message digest".utf8))
        #expect(digest.hexadecimal == "f96b697d7cb7938d525a2f31aaf161d0")
    }

    @Test func `Bytes may come in pieces, and to ask for the hash changes nothing`() {
        var whole = Digest.sha256()
        var pieces = Digest.sha256()
        let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0) }
        whole.update(bytes)
        for start in stride(from: 0, to: 1000, by: 7) {
            pieces.update(Array(bytes[start..<min(1000, start + 7)]))
            pieces.update([])
            _ = pieces.bytes
        }
        #expect(pieces.bytes == whole.bytes)
    }

    @Test func `A copy goes its own way`() {
        var prefix = Digest.sha256()
        prefix.update(Array("a".utf8))
        let before = prefix.bytes
        var copy = prefix
        copy.update(Array("bc".utf8))
        #expect(prefix.bytes == before)
        #expect(copy.hexadecimal == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }
}
