internal import Foundation

/// An axis: what its numbers mean, and how they are laid out.
package struct Axis: Sendable, Equatable {
    /// How values are spaced.
    package enum Scale: Sendable, Equatable {
        /// Evenly.
        case linear
        /// By powers of ten; values that are not positive are left out.
        case logarithmic
    }

    /// How values are written.
    package enum Format: Sendable, Equatable {
        /// As numbers.
        case number
        /// As whole numbers, without ticks in between.
        case integer
        /// Shares, as percent.
        case percent
    }

    /// What its numbers are.
    package var label: String
    /// In which unit, if there is one.
    package var unit: String?
    /// How they are spaced.
    package var scale: Scale
    /// How they are written.
    package var format: Format
    /// The values at its ends; nil for those of the data.
    package var range: ClosedRange<Double>?
    /// Whether 0 is on it in any case (not with a logarithmic one).
    package var includesZero: Bool

    /// An axis.
    package init(
        _ label: String, unit: String? = nil, scale: Scale = .linear, format: Format = .number,
        range: ClosedRange<Double>? = nil, includesZero: Bool = false
    ) {
        self.label = label
        self.unit = unit
        self.scale = scale
        self.format = format
        self.range = range
        self.includesZero = includesZero
    }

    /// Label and unit.
    package var text: String { unit.map { "\(label) (\($0))" } ?? label }

    /// Whether a value has a place on it.
    func shows(_ value: Double) -> Bool { value.isFinite && (scale == .linear || value > 0) }
}

/// An axis with its ends, over a stretch of the picture.
package struct PlacedAxis: Sendable {
    let axis: Axis
    /// The least value that has a place.
    package let low: Double
    /// The largest value that has a place.
    package let high: Double
    var start = 0.0
    var end = 1.0

    /// Finds the ends: those of the values, with some room.
    package init(_ axis: Axis, showing values: [Double], padding: Double = 0) {
        self.axis = axis
        if let range = axis.range, axis.shows(range.lowerBound), axis.shows(range.upperBound),
            range.lowerBound < range.upperBound
        {
            (low, high) = (range.lowerBound, range.upperBound)
            return
        }
        var shown = values.filter(axis.shows)
        if axis.includesZero, axis.scale == .linear { shown.append(0) }
        guard let least = shown.min(), let most = shown.max() else {
            (low, high) = axis.scale == .linear ? (0, 1) : (0.1, 1)
            return
        }
        if axis.scale == .logarithmic {
            let room = most > least * 1.0001 ? padding * log10(most / least) : 0.3
            (low, high) = (least * pow(10, -room), most * pow(10, room))
            return
        }
        let extent = most - least
        guard extent > 1e-12 * max(abs(least), abs(most)) else {
            let room = least == 0 ? 1 : abs(least) * 0.1
            (low, high) = (least - (axis.includesZero && least >= 0 ? 0 : room), most + room)
            return
        }
        // Zero as an end stays one: bars stand on it, and nothing is less.
        low = least == 0 ? 0 : least - padding * extent
        high = most == 0 ? 0 : most + padding * extent
    }

    /// Where a value is.
    func place(_ value: Double) -> Double {
        let share =
            axis.scale == .linear
            ? (value - low) / (high - low) : log(value / low) / log(high / low)
        return start + share * (end - start)
    }

    /// Values that are told, with their texts.
    func ticks(about count: Int) -> [(value: Double, text: String)] {
        let texts = NumberText(format: axis.format)
        if axis.scale == .logarithmic {
            let values = Ticks.logarithmic(low...high, about: count)
            if values.count > 1 { return values.map { ($0, texts.text($0)) } }
        }
        let factor = axis.format == .percent ? 100.0 : 1
        let (values, step) = Ticks.linear(
            (low * factor)...(high * factor), about: count, smallestStep: axis.format == .integer ? 1 : 0)
        return values.map { ($0 / factor, texts.text($0 / factor, step: step)) }
    }
}

/// Values at which an axis is ticked.
package enum Ticks {
    /// Multiples of 1, 2 or 5 times a power of ten, about `count` of them, within a range, and their distance.
    package static func linear(
        _ range: ClosedRange<Double>, about count: Int, smallestStep: Double = 0
    ) -> (values: [Double], step: Double) {
        let extent = range.upperBound - range.lowerBound
        guard extent > 0, extent.isFinite else { return ([range.lowerBound], 1) }
        let rough = extent / Double(max(1, count))
        let power = pow(10, floor(log10(rough)))
        // The one that comes nearest to the count, as a ratio.
        let steps = [1, 2, 5, 10].map { $0 * power }
        let nearest = steps.min { abs(log($0 / rough)) < abs(log($1 / rough)) } ?? rough
        let step = max(nearest, smallestStep)
        let slack = step * 1e-9
        let first = ((range.lowerBound - slack) / step).rounded(.up)
        let last = ((range.upperBound + slack) / step).rounded(.down)
        guard last >= first, last - first < 1000 else { return ([], step) }
        // Divided where that is exact: 3 / 10 is 0.3, 3 * 0.1 is not. Nor is there −0.
        let inverse = (1 / step).rounded()
        let isExact = step < 1 && abs(inverse * step - 1) < 1e-9
        return (
            (0...Int(last - first)).map { index in
                let multiple = first + Double(index)
                return (isExact ? multiple / inverse : multiple * step) + 0
            }, step
        )
    }

    /// Powers of ten within a range, every second or third where they are many, also their 2 and 5 times where they are few.
    package static func logarithmic(_ range: ClosedRange<Double>, about count: Int) -> [Double] {
        guard range.lowerBound > 0, range.upperBound.isFinite else { return [] }
        let slack = 1e-9
        let (low, high) = (log10(range.lowerBound) - slack, log10(range.upperBound) + slack)
        let stride = max(1, Int(((high - low) / Double(max(1, count))).rounded(.up)))
        let factors: [Double] = high - low < 2.5 ? [1, 2, 5] : [1]
        var values: [Double] = []
        for exponent in Int(low.rounded(.down))...Int(high.rounded(.up)) where exponent % stride == 0 {
            values += factors.map { $0 * pow(10, Double(exponent)) }
                .filter { log10($0) >= low && log10($0) <= high }
        }
        return values
    }
}

/// Numbers for people: commas between thousands, no more decimals than are needed.
package struct NumberText: Sendable {
    private let format: Axis.Format

    /// Writes numbers of an axis.
    package init(format: Axis.Format = .number) { self.format = format }

    /// A value.
    ///
    /// - Parameter step: The distance of the next one, in the unit in which it is written; nil for about four digits.
    package func text(_ value: Double, step: Double? = nil) -> String {
        guard value.isFinite else { return value.isNaN ? "NaN" : value > 0 ? "∞" : "−∞" }
        let shown = format == .percent ? value * 100 : value
        let magnitude = abs(shown)
        let suffix = format == .percent ? " %" : ""
        if magnitude != 0, magnitude < 1e-4 || magnitude >= 1e9 {
            let exponent = Int(floor(log10(magnitude) + 1e-12))
            let mantissa = shown / pow(10, Double(exponent))
            let digits = String(format: "%.2f", mantissa).replacing(/\.?0+$/, with: "")
            return Self.signed("\(digits)e\(exponent)") + suffix
        }
        let decimals: Int
        if let step, step > 0 {
            decimals = max(0, min(9, -Int(floor(log10(step) + 1e-9))))
        } else if format == .integer || magnitude >= 1000 {
            decimals = 0
        } else {
            decimals = magnitude == 0 ? 0 : max(0, min(9, 3 - Int(floor(log10(magnitude)))))
        }
        var text = String(format: "%.\(decimals)f", shown)
        if step == nil, decimals > 0 { text = text.replacing(/\.?0+$/, with: "") }
        return Self.signed(Self.grouped(text)) + suffix
    }

    /// Commas between thousands.
    private static func grouped(_ text: String) -> String {
        let parts = text.split(separator: ".", maxSplits: 1)
        let isNegative = text.hasPrefix("-")
        let digits = Array(parts[0].drop { $0 == "-" })
        var result = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { result += "," }
            result.append(digit)
        }
        return (isNegative ? "-" : "") + result + (parts.count > 1 ? "." + parts[1] : "")
    }

    /// A minus sign as one is printed.
    private static func signed(_ text: String) -> String { text.replacing("-", with: "−") }
}
