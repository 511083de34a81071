internal import Foundation
package import MLPEngine

/// Gradients by several ways side by side, and how far they are from autograd's.
package struct GradientReport {
    /// What is said of one tensor.
    package struct Comparison {
        /// PyTorch's name for it.
        package let name: String
        /// The extents.
        package let shape: [Int]
        /// The entry that is largest by autograd, by each way.
        package let largest: (autograd: Double, numeric: Double, double: Double, float: Double)
        /// The largest errors of any entry, relative to the tensor's largest.
        package let errors: (numeric: Double, double: Double, float: Double)

        /// Whether every error is below its bound; one that is no number is not.
        package var isWithinBounds: Bool {
            errors.numeric < GradientReport.numericBound && errors.double < GradientReport.doubleBound
                && errors.float < GradientReport.floatBound
        }
    }

    /// The bound of differences' errors: they have about ten digits.
    static let numericBound = 1e-6
    /// The bound of the errors of the engine in Double.
    static let doubleBound = 1e-9
    /// The bound of the errors of the engine in Float.
    static let floatBound = 1e-4

    /// The loss at which the gradients were taken.
    package let loss: Double
    /// The tensors in the order of the layout.
    package let tensors: [Comparison]

    /// Compares gradients.
    ///
    /// - Parameters:
    ///   - layout: Where tensors lie.
    ///   - loss: The loss.
    ///   - autograd: What the others are compared with.
    ///   - numeric: Differences of some entries, by their places.
    ///   - double: The engine's in Double.
    ///   - float: The engine's in Float.
    package init(
        _ layout: ParameterLayout, loss: Double, autograd: [Double], numeric: [Int: Double],
        double: [Double], float: [Double]
    ) {
        self.loss = loss
        let largestOfAll = Self.largest(autograd[...])
        tensors = layout.entries.map { entry in
            let largest = Self.largest(autograd[entry.range])
            let scale = Self.scale(largest, ofAll: largestOfAll)
            func error(_ other: (Int) -> Double?) -> Double {
                entry.range.reduce(0) { worst, place in
                    guard let other = other(place) else { return worst }
                    let error = abs(other - autograd[place]) / scale
                    return error.isNaN ? .infinity : max(worst, error)
                }
            }
            let place = entry.range.first { abs(autograd[$0]) == largest } ?? entry.range.lowerBound
            return Comparison(
                name: entry.name, shape: entry.shape,
                largest: (autograd[place], numeric[place] ?? .nan, double[place], float[place]),
                errors: (error { numeric[$0] }, error { double[$0] }, error { float[$0] }))
        }
    }

    /// The largest magnitude.
    static func largest(_ values: ArraySlice<Double>) -> Double {
        values.reduce(0) { $1.isNaN ? .infinity : max($0, abs($1)) }
    }

    /// What a tensor's errors are relative to: its largest entry, but no less than a hundredth of the network's. A bias in
    /// front of batch norm has the gradient 0, and nothing but rounding errors to compare.
    static func scale(_ largest: Double, ofAll: Double) -> Double {
        max(largest, ofAll / 100, .leastNormalMagnitude)
    }

    /// Whether all tensors are within all bounds.
    package var isWithinBounds: Bool { tensors.allSatisfy(\.isWithinBounds) }

    /// A table with a line for each tensor, and the conclusion.
    package var lines: [String] {
        let header = [
            "tensor", "shape", "autograd", "numeric", "Double", "Float", "numeric err", "Double err",
            "Float err", "",
        ]
        let rows = tensors.map { tensor in
            let (largest, errors) = (tensor.largest, tensor.errors)
            return [tensor.name, "\(tensor.shape)"]
                + [largest.autograd, largest.numeric, largest.double, largest.float].map {
                    String(format: "%.7e", $0)
                }
                + [errors.numeric, errors.double, errors.float].map { String(format: "%.1e", $0) }
                + [tensor.isWithinBounds ? "agrees" : "is off"]
        }
        let table = [header] + rows
        let widths = header.indices.map { column in table.map { $0[column].count }.max() ?? 0 }
        let lines = table.map { row in
            var line = zip(row, widths).map { cell, width in
                cell + String(repeating: " ", count: width - cell.count)
            }.joined(separator: "  ")
            while line.hasSuffix(" ") { line.removeLast() }
            return line
        }
        let off = tensors.filter { !$0.isWithinBounds }.map(\.name)
        let bounds =
            "errors below "
            + String(format: "%.0e, %.0e and %.0e", Self.numericBound, Self.doubleBound, Self.floatBound)
        return lines + [
            off.isEmpty
                ? "All gradients agree: \(bounds) of each tensor's largest entry, at a loss of "
                    + String(format: "%.6f.", loss)
                : "Gradients are off, where \(bounds) of a tensor's largest entry were expected: "
                    + off.joined(separator: ", ")
        ]
    }
}
