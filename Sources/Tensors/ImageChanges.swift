internal import CKernels

// Kernels for images of bytes, in whole numbers: the same bytes on every CPU.

/// The shape of an image of bytes: its channels one after another, each row-major.
public struct ImageShape: Sendable, Hashable {
    /// Colour planes, at most 4.
    public let channels: Int
    /// Rows.
    public let height: Int
    /// Columns.
    public let width: Int

    /// A shape.
    public init(channels: Int, height: Int, width: Int) {
        precondition(
            (1...4).contains(channels) && (1...4096).contains(height) && (1...4096).contains(width),
            "no image is \(channels) × \(height) × \(width)")
        (self.channels, self.height, self.width) = (channels, height, width)
    }

    /// The bytes of an image.
    public var count: Int { channels * height * width }

    /// The words that ``Vector/map(into:shape:by:padding:room:)`` needs.
    public var mapRoom: Int { dp_map_room(kernels) }

    fileprivate var kernels: dp_image_shape {
        dp_image_shape(channels: channels, height: height, width: width)
    }
}

/// Where the pixels of a changed image come from: pixel (r, c) from `first` + r · `perRow` + c · `perColumn`, in pixels of the
/// image before; all within ±16,384.
public struct AffineMap: Sendable, Hashable {
    /// A place, or the way from one to another.
    public struct Place: Sendable, Hashable {
        /// Rows down.
        public var row: Double
        /// Columns to the right.
        public var column: Double

        /// A place.
        public init(row: Double, column: Double) { (self.row, self.column) = (row, column) }

        /// In whole numbers, as the kernel takes it.
        fileprivate var kernels: dp_place {
            func rounded(_ x: Double) -> Int32 {
                Int32((x * Double(1 << DP_PLACE_BITS)).rounded())
            }
            return dp_place(row: rounded(row), column: rounded(column))
        }
    }

    /// Where pixel (0, 0) comes from.
    public var first: Place
    /// How much further that is from row to row.
    public var perRow: Place
    /// How much further that is from column to column.
    public var perColumn: Place

    /// A map.
    public init(first: Place, perRow: Place, perColumn: Place) {
        (self.first, self.perRow, self.perColumn) = (first, perRow, perColumn)
    }

    fileprivate var kernels: dp_affine_map {
        dp_affine_map(first: first.kernels, per_row: perRow.kernels, per_column: perColumn.kernels)
    }
}

extension Vector<UInt8> {
    /// Writes the part of this image that begins so many rows further down and columns further right into another one, with
    /// `padding` where there is nothing, mirrored if asked to.
    public func shift(
        into other: Vector, shape: ImageShape, down: Int, right: Int, isMirrored: Bool, padding: UInt8
    ) {
        precondition(count == shape.count && other.count == count, "images of another shape")
        dp_shift_image(shape.kernels, base, down, right, isMirrored ? 1 : 0, padding, other.base)
    }

    /// Writes this image into another one as `map` tells, bilinearly: each pixel is the mean of the four around its place,
    /// which is taken to the nearest sixteenth of a pixel, with `padding` around the image.
    ///
    /// - Parameter room: Memory for ``ImageShape/mapRoom`` words.
    public func map(
        into other: Vector, shape: ImageShape, by map: AffineMap, padding: UInt8, room: Vector<UInt32>
    ) {
        precondition(count == shape.count && other.count == count, "images of another shape")
        precondition(room.count >= shape.mapRoom, "too little room for an image")
        var map = map.kernels
        dp_map_image(shape.kernels, base, &map, padding, room.base, other.base)
    }

    /// Turns this a and that b into (λ a + (1 − λ) b, λ b + (1 − λ) a) for λ = share / 256, rounded to the nearest.
    public func mix(with other: Vector, share: Int) {
        precondition(other.count == count && (0...256).contains(share), "no mixture")
        dp_mix_bytes(count, UInt32(share), base, other.base)
    }
}
