internal import Tensors

/// The planes that an image of the synthetic set is put together from, kept from one image to the next.
struct SyntheticCanvas {
    /// How much of each pixel the figure covers, 0 to 1; 32 × 32, row-major.
    var figure = [Float](repeating: 0, count: CIFAR10.planeBytes)
    /// How much of each pixel the spot covers, 0 to 1.
    var spot = [Float](repeating: 0, count: CIFAR10.planeBytes)
    /// The finished image: three planes of 32 × 32 bytes.
    private(set) var image = [UInt8](repeating: 0, count: CIFAR10.imageBytes)
    private var noise = [Float](repeating: 0, count: CIFAR10.planeBytes)
    private var words = [UInt32](repeating: 0, count: CIFAR10.planeBytes / 4)

    /// The noise of a pixel is uniform between plus and minus this.
    private static let noiseAmplitude: Float = 30

    /// Draws the noise of a plane: the lowest bytes of 256 words, then their second bytes, and so on.
    mutating func drawNoise(_ random: inout RandomStream) {
        for word in words.indices { words[word] = random.nextUInt32() }
        let scale = Self.noiseAmplitude / 127.5
        // Buffer pointers here and below, so that the loops have no bounds checks and become vector code.
        words.withUnsafeBufferPointer { words in
            noise.withUnsafeMutableBufferPointer { noise in
                for byte in 0..<4 {
                    for (index, word) in words.enumerated() {
                        let value = Int32(
                            truncatingIfNeeded: word >> UInt32(truncatingIfNeeded: 8 * byte) & 255)
                        noise[byte * words.count + index] = Float(value) * scale - Self.noiseAmplitude
                    }
                }
            }
        }
    }

    /// Computes one plane of the image:
    /// ground + slope · (x − 15.5, y − 15.5) + cover · figure + cover of the spot · spot + noise,
    /// rounded, within 0 and 255.
    mutating func compose(channel: Int, ground: Float, slope: SIMD2<Float>, figure: Float, spot: Float) {
        let side = CIFAR10.imageSide
        let slopeRight = slope.x
        self.figure.withUnsafeBufferPointer { figureCover in
            self.spot.withUnsafeBufferPointer { spotCover in
                noise.withUnsafeBufferPointer { noise in
                    image.withUnsafeMutableBufferPointer { image in
                        for row in 0..<side {
                            let start = row * side
                            let target = channel * CIFAR10.planeBytes + start
                            let rowGround = ground + (Float(row) - 15.5) * slope.y
                            for column in 0..<side {
                                let shade =
                                    rowGround + (Float(Int32(truncatingIfNeeded: column)) - 15.5) * slopeRight
                                let value =
                                    shade + figureCover[start + column] * figure + spotCover[start + column]
                                    * spot
                                    + noise[start + column]
                                // Adding 2²³ rounds and leaves the whole number in the lowest bits.
                                let rounded = max(0, min(255, value)) + 8_388_608
                                image[target + column] = UInt8(truncatingIfNeeded: rounded.bitPattern)
                            }
                        }
                    }
                }
            }
        }
    }
}
