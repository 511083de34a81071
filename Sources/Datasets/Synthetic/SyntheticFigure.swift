internal import Tensors

/// What an image of the synthetic set shows; the raw value is the label.
enum SyntheticFigure: Int, CaseIterable {
    case disc, ring, square, triangle, uprightCross, diagonalCross
    case horizontalStripes, verticalStripes, diagonalStripes, checkerboard

    var name: String {
        switch self {
        case .disc: "disc"
        case .ring: "ring"
        case .square: "square"
        case .triangle: "triangle"
        case .uprightCross: "upright cross"
        case .diagonalCross: "diagonal cross"
        case .horizontalStripes: "horizontal stripes"
        case .verticalStripes: "vertical stripes"
        case .diagonalStripes: "diagonal stripes"
        case .checkerboard: "checkerboard"
        }
    }

    /// Whether it fills the whole image.
    var isPattern: Bool { rawValue >= Self.horizontalStripes.rawValue }

    /// Adds the figure to an image of one plane: `height` where it covers a pixel wholly.
    ///
    /// A figure is given by the signed distance d to its outline in pixels, positive inside, as a function of
    /// the distances x to the right of its centre and y below it. It covers d + ½ of a pixel, within 0 and 1.
    /// Only additions, products and square roots are used, which every processor rounds alike.
    ///
    /// - Parameters:
    ///   - plane: 32 × 32, row-major.
    ///   - centre: The figure's centre in pixels.
    ///   - size: Half the figure's extent or, for a pattern, half a period, in pixels.
    func draw(into plane: inout [Float], centre: SIMD2<Float>, size: Float) {
        switch self {
        case .disc:
            Self.fill(&plane, centre) { x, y in size - (x * x + y * y).squareRoot() }
        case .ring:
            Self.fill(&plane, centre) { x, y in
                size * 0.25 - ((x * x + y * y).squareRoot() - size * 0.8).magnitude
            }
        case .square:
            Self.fill(&plane, centre) { x, y in size * 0.9 - max(x.magnitude, y.magnitude) }
        case .triangle:
            // Two sides of slope 2 that meet at the top, and the base.
            Self.fill(&plane, centre) { x, y in min((y + size - 2 * x.magnitude) * 0.447, size - y) }
        case .uprightCross:
            Self.fill(&plane, centre) { x, y in Self.cross(x, y, size) }
        case .diagonalCross:
            Self.fill(&plane, centre) { x, y in Self.cross((x + y) * 0.7071, (x - y) * 0.7071, size) }
        case .horizontalStripes:
            Self.fill(&plane, centre) { _, y in Self.wave(y, size) }
        case .verticalStripes:
            Self.fill(&plane, centre) { x, _ in Self.wave(x, size) }
        case .diagonalStripes:
            Self.fill(&plane, centre) { x, y in Self.wave((x + y) * 0.7071, size) }
        case .checkerboard:
            // Inside where the waves across and down have the same sign.
            Self.fill(&plane, centre) { x, y in
                let across = Self.wave(x, size)
                let down = Self.wave(y, size)
                return max(min(across, down), min(-across, -down))
            }
        }
    }

    @inline(__always)
    private static func fill(
        _ plane: inout [Float], _ centre: SIMD2<Float>, _ distance: (Float, Float) -> Float
    ) {
        let side = SyntheticCanvas.side
        precondition(plane.count == side * side)
        // A buffer pointer, so that the loop has no bounds checks and becomes vector code.
        plane.withUnsafeMutableBufferPointer { plane in
            for row in 0..<side {
                let y = Float(row) - centre.y
                for column in 0..<side {
                    let cover = distance(Float(Int32(truncatingIfNeeded: column)) - centre.x, y) + 0.5
                    plane[row * side + column] = max(0, min(1, cover))
                }
            }
        }
    }

    /// Two bars across each other, from the distances to their axes.
    @inline(__always)
    private static func cross(_ first: Float, _ second: Float, _ size: Float) -> Float {
        let halfWidth = size * 0.3
        let (first, second) = (first.magnitude, second.magnitude)
        return max(min(halfWidth - first, size - second), min(halfWidth - second, size - first))
    }

    /// The signed distance to the edges of stripes of width `size`, the first of them centred on 0.
    @inline(__always)
    private static func wave(_ x: Float, _ size: Float) -> Float {
        let period = 2 * size
        let phase = x * (1 / period)
        // Adding and taking away 1.5 · 2²³ rounds to the nearest whole number.
        let nearest = (phase + 12_582_912) - 12_582_912
        return size * 0.5 - (phase - nearest).magnitude * period
    }
}

/// The planes that an image of the synthetic set is put together from, kept from one image to the next.
struct SyntheticCanvas {
    /// Rows and columns of an image, and the pixels of a plane.
    static let side = 32
    static let planeBytes = side * side

    /// How much of each pixel the figure covers, 0 to 1; 32 × 32, row-major.
    var figure = [Float](repeating: 0, count: SyntheticCanvas.planeBytes)
    /// How much of each pixel the spot covers, 0 to 1.
    var spot = [Float](repeating: 0, count: SyntheticCanvas.planeBytes)
    /// The finished image: three planes of 32 × 32 bytes.
    private(set) var image = [UInt8](repeating: 0, count: 3 * SyntheticCanvas.planeBytes)
    private var noise = [Float](repeating: 0, count: SyntheticCanvas.planeBytes)
    private var words = [UInt32](repeating: 0, count: SyntheticCanvas.planeBytes / 4)

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
        let side = SyntheticCanvas.side
        let slopeRight = slope.x
        self.figure.withUnsafeBufferPointer { figureCover in
            self.spot.withUnsafeBufferPointer { spotCover in
                noise.withUnsafeBufferPointer { noise in
                    image.withUnsafeMutableBufferPointer { image in
                        for row in 0..<side {
                            let start = row * side
                            let target = channel * SyntheticCanvas.planeBytes + start
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
