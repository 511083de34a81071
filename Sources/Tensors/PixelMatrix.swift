/// A view of rows of bytes that stand for numbers: entry (r, i) is `pixels[r, i]` · `scale[p]` + `shift[p]`, where p =
/// i / (`columns` / planes) is the colour plane of pixel i.
///
/// Products take it as it is, so the numbers of a batch never stand in memory.
public struct PixelMatrix<Scalar: TensorScalar>: @unchecked Sendable {
    /// The bytes.
    public let pixels: Matrix<UInt8>
    /// The factor of each plane.
    public let scale: Vector<Scalar>
    /// What is added in each plane.
    public let shift: Vector<Scalar>

    /// Views bytes with an affine map for each of `scale.count` planes.
    public init(_ pixels: Matrix<UInt8>, scale: Vector<Scalar>, shift: Vector<Scalar>) {
        precondition(
            scale.count == shift.count && scale.count > 0 && pixels.columns % scale.count == 0,
            "\(scale.count) factors and \(shift.count) shifts for \(pixels.columns) pixels")
        (self.pixels, self.scale, self.shift) = (pixels, scale, shift)
    }

    /// The number of rows.
    public var rows: Int { pixels.rows }
    /// The number of pixels in a row.
    public var columns: Int { pixels.columns }
    /// The pixels of a plane.
    public var plane: Int { pixels.columns / scale.count }

    /// The rows in `range`.
    public subscript(rows range: Range<Int>) -> PixelMatrix {
        PixelMatrix(pixels[rows: range], scale: scale, shift: shift)
    }
}

extension PixelMatrix where Scalar == Float {
    /// Writes the numbers scale · byte + shift that the pixels stand for to `numbers` [rows, columns].
    public func copy(into numbers: Matrix<Float>) {
        precondition(numbers.rows == rows && numbers.columns == columns, "numbers of another shape")
        for row in 0..<rows {
            for plane in 0..<scale.count {
                let (scale, shift) = (scale[plane], shift[plane])
                let start = row * columns + plane * self.plane
                let (from, to) = (pixels.base + start, numbers.base + start)
                for index in 0..<self.plane { to[index] = Float(from[index]) * scale + shift }
            }
        }
    }
}
