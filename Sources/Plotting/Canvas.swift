internal import Foundation

/// Collects the elements of a picture as text of SVG.
///
/// An element with a coordinate that is no number is left out: no attribute is ever NaN.
package struct Canvas: Sendable {
    /// What has been drawn.
    package private(set) var elements = ""

    /// Where a text lies with respect to its point.
    package enum Anchor: String, Sendable { case start, middle, end }

    /// Nothing yet.
    package init() {}

    /// Text in a line; its point is on the base line.
    package mutating func text(
        _ string: String, _ x: Double, _ y: Double, size: Double = 12, color: String = "ink",
        anchor: Anchor = .start, isBold: Bool = false
    ) {
        guard x.isFinite, y.isFinite, !string.isEmpty else { return }
        elements += """
            <text class="\(color)" x="\(Self.number(x))" y="\(Self.number(y))" font-size="\(Self.number(size))"\
            \(anchor == .start ? "" : " text-anchor=\"\(anchor.rawValue)\"")\
            \(isBold ? " font-weight=\"600\"" : "")>\(Self.escaped(string))</text>

            """
    }

    /// Text that reads upwards; its end is at the point.
    package mutating func uprightText(_ string: String, _ x: Double, _ y: Double, size: Double = 11) {
        guard x.isFinite, y.isFinite else { return }
        let place = "\(Self.number(x)) \(Self.number(y))"
        elements += """
            <text class="muted" transform="translate(\(place)) rotate(-90)" font-size="\(Self.number(size))" \
            text-anchor="end">\(Self.escaped(string))</text>

            """
    }

    /// A line from point to point, perhaps closed and filled.
    package mutating func path(
        _ points: [Point], color: String, width: Double = 1, dash: String? = nil, isClosed: Bool = false,
        fillOpacity: Double? = nil
    ) {
        guard points.count > 1, points.allSatisfy({ $0.x.isFinite && $0.y.isFinite }) else { return }
        let places = points.map { "\(Self.number($0.x)) \(Self.number($0.y))" }.joined(separator: "L")
        let fill =
            fillOpacity.map { "fill=\"currentColor\" fill-opacity=\"\(Self.number($0))\"" } ?? "fill=\"none\""
        let stroke =
            width > 0
            ? """
             stroke="currentColor" stroke-width="\(Self.number(width))" stroke-linejoin="round"\
            \(dash.map { " stroke-dasharray=\"\($0)\"" } ?? "")
            """ : ""
        elements += "<path class=\"\(color)\" d=\"M\(places)\(isClosed ? "Z" : "")\" \(fill)\(stroke)/>\n"
    }

    /// A straight line.
    package mutating func line(
        _ from: Point, _ to: Point, color: String = "grid", width: Double = 1, dash: String? = nil
    ) {
        path([from, to], color: color, width: width, dash: dash)
    }

    /// A rectangle, with what a pointer that rests on it is told.
    package mutating func rectangle(
        _ x: Double, _ y: Double, _ width: Double, _ height: Double, color: String, opacity: Double = 1,
        strokeWidth: Double = 0, dash: String? = nil, hint: String? = nil
    ) {
        guard [x, y, width, height, opacity].allSatisfy(\.isFinite), width >= 0, height >= 0 else { return }
        let stroke =
            strokeWidth > 0
            ? " stroke=\"currentColor\" stroke-width=\"\(Self.number(strokeWidth))\""
                + (dash.map { " stroke-dasharray=\"\($0)\"" } ?? "") : ""
        let fill = opacity > 0 ? "currentColor\" fill-opacity=\"\(Self.number(opacity))" : "none"
        elements += """
            <rect class="\(color)" x="\(Self.number(x))" y="\(Self.number(y))" width="\(Self.number(width))" \
            height="\(Self.number(height))" fill="\(fill)"\(stroke) shape-rendering="crispEdges"\
            \(hint.map { "><title>\(Self.escaped($0))</title></rect>" } ?? "/>")

            """
    }

    /// A mark at a point: another shape for each number.
    package mutating func marker(_ index: Int, at center: Point, color: String, radius: Double = 3.2) {
        let (x, y, r) = (center.x, center.y, radius)
        guard x.isFinite, y.isFinite else { return }
        switch index % 6 {
        case 0:
            elements += """
                <circle class="\(color)" cx="\(Self.number(x))" cy="\(Self.number(y))" r="\(Self.number(r))" \
                fill="currentColor"/>

                """
        case 1: rectangle(x - r, y - r, 2 * r, 2 * r, color: color)
        case 2: shape([(0, -1.25), (1.2, 0.9), (-1.2, 0.9)])
        case 3: shape([(0, -1.35), (1.35, 0), (0, 1.35), (-1.35, 0)])
        case 4: shape([(0, 1.25), (1.2, -0.9), (-1.2, -0.9)])
        default:
            line(Point(x - r, y - r), Point(x + r, y + r), color: color, width: 1.6)
            line(Point(x - r, y + r), Point(x + r, y - r), color: color, width: 1.6)
        }
        func shape(_ corners: [(Double, Double)]) {
            path(
                corners.map { Point(x + r * $0.0, y + r * $0.1) }, color: color, width: 0, isClosed: true,
                fillOpacity: 1)
        }
    }

    /// A picture of pixels, which are not smoothed.
    package mutating func image(png: [UInt8], _ x: Double, _ y: Double, _ width: Double, _ height: Double) {
        elements += """
            <image x="\(Self.number(x))" y="\(Self.number(y))" width="\(Self.number(width))" \
            height="\(Self.number(height))" style="image-rendering:pixelated" preserveAspectRatio="none" \
            href="data:image/png;base64,\(Data(png).base64EncodedString())"/>

            """
    }

    /// Draws what is cut off at the edges of a rectangle; coordinates stay those of the whole.
    package mutating func clipped(to area: Area, _ draw: (inout Canvas) -> Void) {
        var inner = Canvas()
        draw(&inner)
        let frame = [area.left, area.top, area.width, area.height].map(Self.number)
        elements += """
            <svg x="\(frame[0])" y="\(frame[1])" width="\(frame[2])" height="\(frame[3])" \
            viewBox="\(frame.joined(separator: " "))" overflow="hidden">
            \(inner.elements)</svg>

            """
    }

    /// Draws moved down.
    package mutating func moved(down distance: Double, _ draw: (inout Canvas) -> Void) {
        var inner = Canvas()
        draw(&inner)
        elements += "<g transform=\"translate(0 \(Self.number(distance)))\">\n\(inner.elements)</g>\n"
    }

    /// Text as XML has it; characters that XML does not allow are left out.
    package static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            case "\t", "\n", "\r": result += " "
            default:
                guard scalar.value >= 0x20, !(0x7f...0x9f).contains(scalar.value),
                    scalar.value & 0xfffe != 0xfffe
                else { continue }
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// A coordinate in hundredths.
    static func number(_ value: Double) -> String {
        let text = "\((value * 100).rounded() / 100)"
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    /// About how wide a text is. Fonts differ; where it matters there is room to spare.
    static func width(of text: String, size: Double = 12) -> Double {
        text.reduce(0) { sum, character in
            sum
                + (character.isASCII
                    ? ("iljftI.,:;|' ".contains(character) ? 0.36 : character.isUppercase ? 0.68 : 0.58)
                    : 0.7)
        } * size
    }

    /// A text cut in its middle where it would be wider than that.
    static func shortened(_ text: String, to limit: Double, size: Double = 12) -> String {
        guard width(of: text, size: size) > limit else { return text }
        var kept = text.count - 1
        while kept > 2 {
            let result = text.prefix(kept - kept / 2) + "…" + text.suffix(kept / 2)
            if width(of: String(result), size: size) <= limit { return String(result) }
            kept -= 1
        }
        return String(text.prefix(1)) + "…"
    }
}

/// A rectangle of a picture.
package struct Area: Sendable, Equatable {
    /// The edges.
    package var left, top, right, bottom: Double
    /// From left to right.
    package var width: Double { right - left }
    /// From top to bottom.
    package var height: Double { bottom - top }
}
