public import Datasets
package import MLPEngine
package import Tensors

/// The views of an image over which a model's class probabilities are averaged: the image and its mirror image, the image and
/// its shifts by some pixels, or the product of both. What a shift brings in is the format's padding byte.
///
/// They are as their raw value says on the command line and in `summary.json`: `flip`, `shift:2` or `flip,shift:2`.
///
/// Source: Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep convolutional neural networks", NIPS 2012, section
/// 4.1, with ten views, too.
public struct TestViews: RawRepresentable, Codable, Sendable, Hashable, CustomStringConvertible {
    /// What a text must be to be read, for messages.
    public static var expectation: String {
        "flip, shift:N with a number N ≥ 1 of pixels, or both as in flip,shift:2"
    }

    /// Whether each image is seen mirrored, too.
    package let isMirrored: Bool
    /// By how many pixels each image is shifted, up, down, left and right; nil for not at all.
    package let shift: Int?

    /// Reads views; nil for a text that is none.
    public init?(rawValue: String) {
        var isMirrored = false
        var shift: Int?
        for word in rawValue.split(separator: ",", omittingEmptySubsequences: false) {
            if word == "flip", !isMirrored {
                isMirrored = true
            } else if word.hasPrefix("shift:"), shift == nil, let pixels = Int(word.dropFirst(6)), pixels >= 1
            {
                shift = pixels
            } else {
                return nil
            }
        }
        (self.isMirrored, self.shift) = (isMirrored, shift)
    }

    /// The views as they are read.
    public var rawValue: String {
        [isMirrored ? "flip" : nil, shift.map { "shift:\($0)" }].compactMap(\.self).joined(separator: ",")
    }

    /// The same.
    public var description: String { rawValue }

    /// The number of views.
    public var count: Int { all.count }

    /// The views, in the order in which their probabilities are added: centre, up, down, left, right, each first as it is.
    package var all: [ImageView] {
        let shift = shift ?? 0
        let places = shift == 0 ? [(0, 0)] : [(0, 0), (shift, 0), (-shift, 0), (0, shift), (0, -shift)]
        return places.flatMap { down, right in
            (isMirrored ? [false, true] : [false]).map {
                ImageView(down: down, right: right, isMirrored: $0)
            }
        }
    }

    /// Checks that a shift leaves something of images to be seen.
    ///
    /// - Parameters:
    ///   - format: What the images are.
    ///   - setting: The flag, for the error.
    /// - Throws: ``ConfigurationError``.
    public func check(against format: ImageFormat, setting: String) throws(ConfigurationError) {
        let side = min(format.height, format.width)
        guard let shift, shift >= side else { return }
        throw ConfigurationError(
            setting, found: rawValue,
            expected: "a shift of fewer than \(side) pixels, the side of \(format.name)'s images")
    }
}

/// How an image is seen: from so many rows further down and columns further right on, and then mirrored or not.
package struct ImageView: Sendable, Hashable {
    /// The image as it is.
    package static let plain = ImageView(down: 0, right: 0, isMirrored: false)

    package let down: Int
    package let right: Int
    package let isMirrored: Bool
}

/// The mean over views of the class probabilities of some records, and its loss, −ln of the mean probability of the label.
///
/// All in Double, from the logits on, by functions that every machine rounds alike; the label's probability as a logarithm, so
/// that one that no Double can hold has a loss, too.
package struct ViewMean {
    private let labels: Vector<Int32>
    private let classes: Int
    private var views = 0
    /// The sums of the probabilities [S, K].
    private var sums: [Double]
    /// The logarithms of the sums of the labels' probabilities: the largest summand's, and the sum of all in its measure.
    private var logarithms: [(largest: Double, sum: Double)]

    package init(labels: Vector<Int32>, classes: Int) {
        (self.labels, self.classes) = (labels, classes)
        sums = Array(repeating: 0, count: labels.count * classes)
        logarithms = Array(repeating: (-.infinity, 0), count: labels.count)
    }

    /// Adds what the model makes of the next view: logits [S, K].
    package mutating func add(_ logits: Matrix<Float>) {
        precondition(logits.rows == labels.count && logits.columns == classes, "the logits of a view")
        views += 1
        var powers = [Double](repeating: 0, count: classes)
        for row in 0..<logits.rows {
            let values = logits[rows: row..<row + 1].vector
            let largest = Double(values.buffer.reduce(-.infinity) { max($0, $1) })
            var sum = 0.0
            for label in 0..<classes {
                powers[label] = PortableMath.exp(Double(values[label]) - largest)
                sum += powers[label]
            }
            for label in 0..<classes { sums[row * classes + label] += powers[label] / sum }
            let own = Double(values[Int(labels[row])]) - largest - PortableMath.log(sum)
            let (top, rest) = logarithms[row]
            logarithms[row] =
                own > top
                ? (own, rest * PortableMath.exp(top - own) + 1)
                : (top, rest + PortableMath.exp(own - top))
        }
    }

    /// The losses and hits of the mean; of several classes that are as probable the first one counts.
    package var loss: BatchLoss {
        var loss = BatchLoss(lossSum: 0, correct: 0, samples: labels.count)
        for row in 0..<labels.count {
            let mean = sums[row * classes..<(row + 1) * classes]
            let best = mean.indices.reduce(mean.startIndex) { mean[$1] > mean[$0] ? $1 : $0 }
            if best - mean.startIndex == Int(labels[row]) { loss.correct += 1 }
            let (largest, sum) = logarithms[row]
            loss.lossSum += PortableMath.log(Double(views)) - (largest + PortableMath.log(sum))
        }
        return loss
    }
}
