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

    /// How much of each pixel of a row the figure covers, 0 to 1.
    ///
    /// A figure is given by the signed distance d to its outline in pixels, positive inside; the coverage is
    /// d + ½ within 0 and 1, which smooths the edge. Only additions, products and square roots are used, which
    /// every processor rounds alike.
    ///
    /// - Parameters:
    ///   - x: Distances of the row's pixels from the figure's centre, to the right.
    ///   - y: Distance of the row from the centre, downwards.
    ///   - size: Half the figure's extent or, for patterns, half a period, in pixels.
    func coverage(x: SIMD32<Float>, y: Float, size: Float) -> SIMD32<Float> {
        let y = SIMD32<Float>(repeating: y)
        let distance: SIMD32<Float>
        switch self {
        case .disc:
            distance = size - Self.radius(x, y)
        case .ring:
            distance = size * 0.25 - Self.magnitude(Self.radius(x, y) - size * 0.8)
        case .square:
            distance = size * 0.9 - pointwiseMax(Self.magnitude(x), Self.magnitude(y))
        case .triangle:
            // Two sides of slope 2 that meet at the top, and the base.
            let sides = (y + size - 2 * Self.magnitude(x)) * 0.447
            distance = pointwiseMin(sides, size - y)
        case .uprightCross:
            distance = Self.cross(Self.magnitude(x), Self.magnitude(y), size)
        case .diagonalCross:
            distance = Self.cross(Self.magnitude(x + y) * 0.7071, Self.magnitude(x - y) * 0.7071, size)
        case .horizontalStripes:
            distance = Self.wave(y, size)
        case .verticalStripes:
            distance = Self.wave(x, size)
        case .diagonalStripes:
            distance = Self.wave((x + y) * 0.7071, size)
        case .checkerboard:
            let across = Self.wave(x, size)
            let down = Self.wave(y, size)
            // Inside where both waves have the same sign.
            distance = pointwiseMax(pointwiseMin(across, down), pointwiseMin(-across, -down))
        }
        return (distance + 0.5).clamped(lowerBound: .zero, upperBound: .one)
    }

    private static func radius(_ x: SIMD32<Float>, _ y: SIMD32<Float>) -> SIMD32<Float> {
        (x * x + y * y).squareRoot()
    }

    private static func magnitude(_ x: SIMD32<Float>) -> SIMD32<Float> {
        pointwiseMax(x, -x)
    }

    /// Two bars across each other, from the distances to their axes.
    private static func cross(_ first: SIMD32<Float>, _ second: SIMD32<Float>, _ size: Float) -> SIMD32<Float> {
        let halfWidth = size * 0.3
        return pointwiseMax(
            pointwiseMin(halfWidth - first, size - second), pointwiseMin(halfWidth - second, size - first))
    }

    /// The signed distance to the edges of stripes of width `size`, the first of them centred on 0.
    private static func wave(_ x: SIMD32<Float>, _ size: Float) -> SIMD32<Float> {
        // The nearest multiple of the period: adding and taking away 1.5 · 2²³ rounds to a whole number.
        let period = 2 * size
        let phase = x * (1 / period)
        let nearest = (phase + 12_582_912) - 12_582_912
        return size * 0.5 - magnitude(phase - nearest) * period
    }
}

extension SIMD32<Float> {
    static let one = SIMD32<Float>(repeating: 1)
}
