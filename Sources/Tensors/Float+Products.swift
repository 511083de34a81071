internal import CProducts

// Documented at the requirements of TensorScalar.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension Float {
    public static var productScratch: Int { dp_product_scratch_f32() }

    public static func multiplyRows(
        _ m: Int, _ n: Int, _ k: Int, _ left: UnsafePointer<Float>, _ leftStride: Int,
        _ right: UnsafePointer<Float>, _ c: UnsafeMutablePointer<Float>, _ cStride: Int,
        _ scratch: UnsafeMutablePointer<Float>
    ) {
        dp_multiply_rows_f32(m, n, k, left, leftStride, right, c, cStride, scratch)
    }

    public static func multiplyPixels(
        _ m: Int, _ n: Int, _ k: Int, _ left: UnsafePointer<UInt8>, _ plane: Int,
        _ scale: UnsafePointer<Float>,
        _ shift: UnsafePointer<Float>, _ right: UnsafePointer<Float>, _ c: UnsafeMutablePointer<Float>,
        _ cStride: Int, _ scratch: UnsafeMutablePointer<Float>
    ) {
        let pixels = dp_pixels(bytes: left, stride: k, plane: plane)
        dp_multiply_pixels_f32(m, n, k, pixels, scale, shift, right, c, cStride, scratch)
    }

    public static func multiplyColumns(
        _ m: Int, _ n: Int, _ k: Int, _ left: UnsafePointer<Float>, _ leftStride: Int,
        _ right: UnsafePointer<Float>, _ c: UnsafeMutablePointer<Float>, _ cStride: Int,
        _ scratch: UnsafeMutablePointer<Float>
    ) {
        dp_multiply_columns_f32(m, n, k, left, leftStride, right, c, cStride, scratch)
    }

    public static func packRows(
        _ k: Int, _ n: Int, _ b: UnsafePointer<Float>, _ stride: Int, _ packed: UnsafeMutablePointer<Float>
    ) {
        dp_pack_rows_f32(k, n, b, stride, packed)
    }

    public static func packColumns(
        _ k: Int, _ n: Int, _ b: UnsafePointer<Float>, _ stride: Int, _ packed: UnsafeMutablePointer<Float>,
        _ panelStride: Int
    ) {
        dp_pack_columns_f32(k, n, b, stride, packed, panelStride)
    }

    public static func packPixels(
        _ k: Int, _ first: Int, _ n: Int, _ b: UnsafePointer<UInt8>, _ stride: Int, _ plane: Int,
        _ scale: UnsafePointer<Float>, _ shift: UnsafePointer<Float>, _ packed: UnsafeMutablePointer<Float>
    ) {
        dp_pack_pixels_f32(
            k, first, n, dp_pixels(bytes: b, stride: stride, plane: plane), scale, shift, packed)
    }
}
