// Pictures of numbers as SVG: what all charts have in common. A chart is a value; what it shows are its properties.
// Charts know nothing of training.

/// A picture of numbers that can be drawn as SVG.
package protocol Chart: Sendable {
    /// What stands above it.
    var title: String { get }
    /// What it shows, in words, for who cannot see it.
    var summary: String { get }
    /// How large it is, in CSS pixels. It scales with the room that it gets.
    var size: ChartSize { get }
    /// Draws everything but the paper.
    func draw(on canvas: inout Canvas)
}

/// Width and height, in CSS pixels.
package struct ChartSize: Sendable, Equatable {
    /// The width.
    package var width: Double
    /// The height.
    package var height: Double

    /// A size.
    package init(_ width: Double, _ height: Double) {
        self.width = width
        self.height = height
    }
}

/// A place on a chart, or a value over another.
package struct Point: Sendable, Equatable {
    /// To the right.
    package var x: Double
    /// Upwards as a value, downwards as a place.
    package var y: Double

    /// A point.
    package init(_ x: Double, _ y: Double) {
        self.x = x
        self.y = y
    }
}

extension Chart {
    /// An XML document of its own.
    ///
    /// No element has an id: several of them in one page of HTML do not disturb one another.
    ///
    /// - Parameter embedsStyle: Whether the colours are in it; a page with several charts can have
    ///   ``ChartStyle/css`` once instead.
    package func svg(embedsStyle: Bool = true) -> String {
        var canvas = Canvas()
        draw(on: &canvas)
        let (width, height) = (Canvas.number(size.width), Canvas.number(size.height))
        return """
            <svg xmlns="http://www.w3.org/2000/svg" class="dp-chart" role="img" width="\(width)" height="\(height)" \
            viewBox="0 0 \(width) \(height)" aria-label="\(Canvas.escaped(title))">
            <title>\(Canvas.escaped(title))</title>
            <desc>\(Canvas.escaped(summary))</desc>
            \(embedsStyle ? "<style>\(ChartStyle.css)</style>\n" : "")\
            <rect class="paper" width="\(width)" height="\(height)"/>
            \(canvas.elements)</svg>

            """
    }
}

/// Colours, dashes and markers, by which series differ.
package enum ChartStyle {
    /// Okabe and Ito's colours, which differ for the colour-blind too, without yellow, which is lost on white; lighter ones on
    /// dark paper.
    private static let colors = [
        (light: "#0072b2", dark: "#4ea8e8"), (light: "#d55e00", dark: "#f5834a"),
        (light: "#009e73", dark: "#2fc79b"), (light: "#cc79a7", dark: "#e8a0c8"),
        (light: "#e69f00", dark: "#f2b632"), (light: "#56b4e9", dark: "#93d4f8"),
        (light: "#444444", dark: "#dddddd"),
    ]
    /// How many colours there are before they begin again.
    package static let colorCount = colors.count

    /// Lengths of dashes and gaps; the first line is whole.
    static let dashes: [String?] = [nil, "7 4", "2 3", "10 3 2 3", "14 4"]

    /// The rules of CSS that charts need. An element has its colour by a class that sets `color`, and is drawn in
    /// `currentColor`: no variables, which not every renderer of SVG knows.
    package static let css: String = {
        func rules(_ paper: String, _ ink: String, _ muted: String, _ grid: String, _ series: [String])
            -> String
        {
            let named = [("paper", paper), ("ink", ink), ("muted", muted), ("grid", grid)]
            let numbered = series.enumerated().map { ("c\($0.offset)", $0.element) }
            return (named + numbered).map { ".dp-chart .\($0.0){color:\($0.1)}" }.joined()
        }
        return """
            .dp-chart text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;\
            fill:currentColor}.dp-chart rect.paper{fill:currentColor}\
            \(rules("#ffffff", "#1b1f24", "#57606a", "#d9dee3", colors.map(\.light)))\
            @media (prefers-color-scheme: dark){\
            \(rules("#15191e", "#e6e9ec", "#a3acb5", "#343b43", colors.map(\.dark)))}
            """
    }()

    /// The class of a series' colour.
    static func color(_ index: Int) -> String { "c\(index % colorCount)" }
}

/// How a series looks, so that it can be told from others without its colour.
package struct SeriesStyle: Sendable, Equatable {
    /// Which colour, counted from 0.
    package var color: Int
    /// Which dash, counted from 0, the whole line.
    package var dash: Int
    /// Which marker, counted from 0; nil for none.
    package var marker: Int?
    /// Whether a line joins the points.
    package var hasLine: Bool

    /// A style.
    package init(color: Int, dash: Int = 0, marker: Int? = nil, hasLine: Bool = true) {
        self.color = color
        self.dash = dash
        self.marker = marker
        self.hasLine = hasLine
    }

    /// The style of the series with that number: another colour, dash and marker for each.
    package static func automatic(_ index: Int) -> SeriesStyle {
        SeriesStyle(color: index, dash: index, marker: index)
    }
}
