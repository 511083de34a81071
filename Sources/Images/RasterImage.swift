/// A picture: rows from the top, in each row pixels from the left, of each pixel a byte of grey, or of red, green and blue.
public struct RasterImage: Sendable, Hashable {
    /// Pixels of a row.
    public let width: Int
    /// Rows.
    public let height: Int
    /// Bytes of a pixel: 1, grey, or 3, red, green and blue.
    public let channels: Int
    /// All pixels, row-major, the bytes of a pixel together.
    public let bytes: [UInt8]

    /// Takes pixels.
    ///
    /// - Precondition: At least one pixel, 1 or 3 channels, and as many bytes as that makes.
    public init(width: Int, height: Int, channels: Int, bytes: [UInt8]) {
        precondition(width > 0 && height > 0 && (channels == 1 || channels == 3))
        precondition(bytes.count == width * height * channels, "\(bytes.count) bytes")
        (self.width, self.height, self.channels, self.bytes) = (width, height, channels, bytes)
    }

    /// The picture in grey: 0.299 R + 0.587 G + 0.114 B of each pixel (ITU-R BT.601), rounded.
    public var grey: RasterImage {
        guard channels == 3 else { return self }
        let grey = stride(from: 0, to: bytes.count, by: 3).map { start -> UInt8 in
            let (red, green, blue) = (Int(bytes[start]), Int(bytes[start + 1]), Int(bytes[start + 2]))
            return UInt8((299 * red + 587 * green + 114 * blue + 500) / 1000)
        }
        return RasterImage(width: width, height: height, channels: 1, bytes: grey)
    }

    /// The picture in red, green and blue.
    public var colour: RasterImage {
        guard channels == 1 else { return self }
        return RasterImage(
            width: width, height: height, channels: 3, bytes: bytes.flatMap { byte in [byte, byte, byte] })
    }

    /// The channels one after another, each row-major, as data sets hold them.
    public var planes: [UInt8] {
        (0..<channels).flatMap { channel in
            stride(from: channel, to: bytes.count, by: channels).map { bytes[$0] }
        }
    }

    /// The largest part about the middle that has the proportions of `width` × `height`, brought to that size: each pixel is
    /// the mean of the area that it covers, in whole numbers, so the same on every machine.
    ///
    /// - Precondition: Both are above 0.
    public func fitted(width: Int, height: Int) -> RasterImage {
        precondition(width > 0 && height > 0)
        let part =
            self.width * height > self.height * width
            ? (width: max(1, self.height * width / height), height: self.height)
            : (width: self.width, height: max(1, self.width * height / width))
        let left = (self.width - part.width) / 2
        let top = (self.height - part.height) / 2
        let columns = Self.overlaps(of: part.width, in: width)
        let rows = Self.overlaps(of: part.height, in: height)
        let area = part.width * part.height
        var result: [UInt8] = []
        result.reserveCapacity(width * height * channels)
        for row in rows {
            for column in columns {
                for channel in 0..<channels {
                    var sum = 0
                    for (y, rowShare) in row {
                        let start = ((top + y) * self.width + left) * channels + channel
                        var rowSum = 0
                        for (x, share) in column { rowSum += share * Int(bytes[start + x * channels]) }
                        sum += rowShare * rowSum
                    }
                    result.append(UInt8((sum + area / 2) / area))
                }
            }
        }
        return RasterImage(width: width, height: height, channels: channels, bytes: result)
    }

    /// Which of `count` pixels lie in each of `parts` equal parts of their line, and how much of each, in units that make
    /// every part `count` long and every pixel `parts`.
    private static func overlaps(of count: Int, in parts: Int) -> [[(pixel: Int, share: Int)]] {
        (0..<parts).map { part in
            let range = part * count..<(part + 1) * count
            return (range.lowerBound / parts...(range.upperBound - 1) / parts).map { pixel in
                (pixel, range.clamped(to: pixel * parts..<(pixel + 1) * parts).count)
            }
        }
    }
}
