/// What the images of a data set are: their shape, their classes, and the numbers by which their pixels are normalised.
///
/// All that a network and a training run have to know of a data set but its records.
public struct ImageFormat: Codable, Sendable, Hashable {
    /// The data set's name: "CIFAR-10".
    public let name: String
    /// Colour planes of an image.
    public let channels: Int
    /// Rows of an image.
    public let height: Int
    /// Columns of an image.
    public let width: Int
    /// The names of the classes, by label.
    public let classNames: [String]
    /// Mean of the training images' pixels / 255, for each channel.
    public let mean: [Float]
    /// Standard deviation of the training images' pixels / 255, for each channel.
    public let standardDeviation: [Float]
    /// The byte that stands where a moved image has none: black, unless the numbers are others than of light.
    public let paddingByte: UInt8

    /// The number of classes; labels are 0 up to one less.
    public var classCount: Int { classNames.count }
    /// Bytes of one channel of an image, row-major.
    public var planeBytes: Int { height * width }
    /// Bytes of an image: its channels one after another.
    public var imageBytes: Int { channels * planeBytes }

    /// The largest height and width.
    private static let largestSide = 4096
    /// Labels are bytes.
    private static let mostClasses = 256

    /// Describes images.
    ///
    /// - Precondition: At least one channel, row, column and class, a mean and a deviation > 0 for each channel, at most 256
    ///   classes.
    public init(
        name: String, channels: Int, height: Int, width: Int, classNames: [String], mean: [Float],
        standardDeviation: [Float], paddingByte: UInt8 = 0
    ) {
        self.name = name
        (self.channels, self.height, self.width) = (channels, height, width)
        self.classNames = classNames
        (self.mean, self.standardDeviation, self.paddingByte) = (mean, standardDeviation, paddingByte)
        precondition(isSound, "\(self)")
    }

    /// Reads a description, which may be as foreign as the checkpoint that holds it.
    ///
    /// - Throws: `DecodingError` where something is missing or cannot be so.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        name = try values.decode(String.self, forKey: .name)
        channels = try values.decode(Int.self, forKey: .channels)
        height = try values.decode(Int.self, forKey: .height)
        width = try values.decode(Int.self, forKey: .width)
        classNames = try values.decode([String].self, forKey: .classNames)
        mean = try values.decode([Float].self, forKey: .mean)
        standardDeviation = try values.decode([Float].self, forKey: .standardDeviation)
        paddingByte = try values.decodeIfPresent(UInt8.self, forKey: .paddingByte) ?? 0
        guard isSound else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "no images can be so: \(self)"))
        }
    }

    /// Stores a description; the padding only where it is not black.
    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(name, forKey: .name)
        try values.encode(channels, forKey: .channels)
        try values.encode(height, forKey: .height)
        try values.encode(width, forKey: .width)
        try values.encode(classNames, forKey: .classNames)
        try values.encode(mean, forKey: .mean)
        try values.encode(standardDeviation, forKey: .standardDeviation)
        if paddingByte != 0 { try values.encode(paddingByte, forKey: .paddingByte) }
    }

    private enum CodingKeys: String, CodingKey {
        case name, channels, height, width, mean
        case classNames = "class_names"
        case standardDeviation = "standard_deviation"
        case paddingByte = "padding_byte"
    }

    private var isSound: Bool {
        (1...4).contains(channels) && (1...Self.largestSide).contains(height)
            && (1...Self.largestSide).contains(width) && (1...Self.mostClasses).contains(classCount)
            && mean.count == channels && standardDeviation.count == channels
            && mean.allSatisfy(\.isFinite)
            && standardDeviation.allSatisfy { $0.isFinite && $0 > 0 }
    }
}
