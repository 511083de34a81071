internal import DurableFiles
public import Foundation

/// A file of zstd frames one after the other, such as a log that `ZstdFrameWriter` writes.
///
/// `zstd -d` decompresses such a file to the contents of its frames in order.
public struct ZstdFrameFile: Sendable {
    /// The contents of the whole frames, in order.
    public let contents: Data
    /// How many whole frames there are.
    public let frameCount: Int
    /// Bytes of the file that the whole frames take up, from its start.
    public let wholeSize: Int
    /// Bytes of the file after the last whole frame.
    public let damagedSize: Int
    /// What is wrong after the last whole frame; nil if the file ends with it.
    public let damage: ZstdError?

    /// Reads all whole frames at `path`; stops at the first one that is truncated or damaged and says why.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - limit: The most bytes of content that are accepted, of all frames together.
    /// - Throws: `FileError` of `DurableFiles` if the file cannot be read. Damage is not thrown but reported in
    ///   `damage`.
    public init(reading path: String, limit: Int = 1 << 36) throws {
        self.init(try Files.read(path), limit: limit)
    }

    /// Reads all whole frames of `file`, the bytes of such a file.
    public init(_ file: Data, limit: Int = 1 << 36) {
        var contents = Data()
        var frameCount = 0
        var rest = file[...]
        var damage: ZstdError?
        while !rest.isEmpty {
            do throws(ZstdError) {
                let room = limit - contents.count
                let size = try ZstdFrame.decompressFirst(of: rest, appendingTo: &contents, limit: room)
                rest = rest.dropFirst(size)
                frameCount += 1
            } catch {
                damage = error
                break
            }
        }
        self.contents = contents
        self.frameCount = frameCount
        self.wholeSize = file.count - rest.count
        self.damagedSize = rest.count
        self.damage = damage
    }
}
