internal import CPNG
internal import DurableFiles
public import Foundation
internal import SystemLimits

// PNG files by libpng's simplified interface, which takes every kind of PNG (palettes, 16 bits, interlaced) and catches
// its own errors.

extension RasterImage {
    /// The largest file that is read, in bytes.
    public static let largestFile = 1 << 28
    /// The most pixels that are read: a few bytes of a file can claim any number of them.
    public static let mostPixels = 1 << 26

    /// Reads the PNG file at `path`.
    ///
    /// - Throws: `FileError` if it cannot be read or is no regular file, `PNGError`.
    public init(pngFile path: String) throws {
        self = try RasterImage(png: Files.read(path, limit: Self.largestFile), name: path)
    }

    /// Reads a PNG in memory, as red, green and blue. What is transparent lies over white.
    ///
    /// - Parameters:
    ///   - png: The whole file.
    ///   - name: What to call it in errors.
    /// - Throws: `PNGError`, also for what is larger than ``mostPixels`` or than memory: that is found before room is made.
    public init(png: Data, name: String) throws(PNGError) {
        guard png.starts(with: Self.signature) else {
            throw PNGError(name: name, problem: .notPNG(found: [UInt8](png.prefix(Self.signature.count))))
        }
        do throws(PNGError.Problem) {
            self = try Self.decoded(png)
        } catch {
            throw PNGError(name: name, problem: error)
        }
    }

    private static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

    private static func decoded(_ png: Data) throws(PNGError.Problem) -> RasterImage {
        // libpng keeps the bytes' and the image's addresses from one call to the next.
        let result = png.withUnsafeBytes { file -> Result<RasterImage, PNGError.Problem> in
            var image = dp_train_png_image()
            return withUnsafeMutablePointer(to: &image) { image in
                defer { png_image_free(image) }
                func damage() -> Result<RasterImage, PNGError.Problem> { .failure(.damaged(reason(image))) }
                guard png_image_begin_read_from_memory(image, file.baseAddress, file.count) != 0 else {
                    return damage()
                }
                let width = Int(image.pointee.width)
                let height = Int(image.pointee.height)
                // Each is below 2³¹.
                guard width * height <= mostPixels else {
                    return .failure(.tooManyPixels(width: width, height: height))
                }
                // libpng's own rows come to less than the image once more.
                let size = 3 * width * height
                guard AvailableMemory.allows(2 * size) else { return .failure(.noMemory(bytes: size)) }
                image.pointee.format = png_uint_32(PNG_FORMAT_FLAG_COLOR)
                var white = png_color(red: 255, green: 255, blue: 255)
                var isRead = false
                let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
                    isRead = png_image_finish_read(image, &white, buffer.baseAddress, 0, nil) != 0
                    count = isRead ? size : 0
                }
                guard isRead else { return damage() }
                return .success(RasterImage(width: width, height: height, channels: 3, bytes: bytes))
            }
        }
        return try result.get()
    }

    /// The picture as a PNG file.
    ///
    /// - Throws: `PNGError` where libpng cannot make it, as without memory.
    public func pngData() throws(PNGError) -> Data {
        var image = dp_train_png_image()
        image.width = png_uint_32(width)
        image.height = png_uint_32(height)
        image.format = png_uint_32(channels == 3 ? PNG_FORMAT_FLAG_COLOR : 0)
        var file = Data(count: dp_train_png_size_limit(&image))
        let size: Int? = withUnsafeMutablePointer(to: &image) { image in
            file.withUnsafeMutableBytes { file in
                var size = png_alloc_size_t(file.count)
                let isWritten = png_image_write_to_memory(image, file.baseAddress, &size, 0, bytes, 0, nil)
                return isWritten != 0 ? Int(size) : nil
            }
        }
        guard let size else {
            throw PNGError(
                name: "\(width) × \(height) pixels",
                problem: .unwritable(withUnsafePointer(to: &image) { Self.reason($0) }))
        }
        return file.prefix(size)
    }

    /// What libpng says of its last error.
    private static func reason(_ image: UnsafePointer<png_image>) -> String {
        withUnsafeBytes(of: image.pointee.message) {
            String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    private static func reason(_ image: UnsafeMutablePointer<png_image>) -> String {
        reason(UnsafePointer(image))
    }
}

/// Why a PNG file could not be read, or a picture not be made into one.
public struct PNGError: Error, Sendable, Hashable, CustomStringConvertible, LocalizedError {
    /// What can be wrong.
    public enum Problem: Error, Sendable, Hashable {
        /// It does not begin as every PNG file does; `found` is what it begins with, at most 8 bytes.
        case notPNG(found: [UInt8])
        /// It is truncated or damaged: libpng's own words.
        case damaged(String)
        /// It has, or says that it has, more than ``RasterImage/mostPixels``.
        case tooManyPixels(width: Int, height: Int)
        /// There is no room for its pixels.
        case noMemory(bytes: Int)
        /// It could not be made: libpng's own words.
        case unwritable(String)
    }

    /// The file, or what else was to be read or written.
    public let name: String
    /// What is wrong.
    public let problem: Problem

    /// One line: the file, expected and found.
    public var description: String {
        switch problem {
        case .notPNG(let found):
            let bytes = found.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
            return "reading \(name): expected a PNG file, found "
                + (found.isEmpty ? "nothing in it" : "one that begins with the bytes \(bytes)")
        case .damaged(let reason):
            return "reading \(name): expected a whole PNG file, libpng found: \(reason)"
        case .tooManyPixels(let width, let height):
            return "reading \(name): expected at most \(RasterImage.mostPixels) pixels, "
                + "found \(width) × \(height)"
        case .noMemory(let bytes):
            return "reading \(name): expected memory for \(bytes) bytes of pixels, found too little"
        case .unwritable(let reason):
            return "writing \(name) as PNG: \(reason)"
        }
    }

    /// The same as `description`.
    public var errorDescription: String? { description }
}
