// What stands around the data of a chart: title, legend, grid, axes with ticks and labels.

/// An entry of a legend.
struct LegendEntry {
    enum Sample {
        case line(SeriesStyle)
        case bar(color: Int)
    }

    let name: String
    let sample: Sample
}

/// The frame of a chart with two axes.
struct PlotFrame {
    let area: Area
    let x: PlacedAxis
    let y: PlacedAxis
    private let xTicks: [(value: Double, text: String)]
    private let yTicks: [(value: Double, text: String)]
    private let title: String
    private let legend: Legend
    private let size: ChartSize

    /// - Parameter right: The room beside the area, for labels.
    init(
        title: String, size: ChartSize, x: PlacedAxis, y: PlacedAxis, legend entries: [LegendEntry] = [],
        right: Double = 16
    ) {
        var (x, y) = (x, y)
        self.title = title
        self.size = size
        legend = Legend(
            entries, left: Self.margins / 2, top: Self.titleHeight(title), width: size.width - Self.margins)
        let top = legend.bottom + 24
        let bottom = size.height - 40
        yTicks = y.ticks(about: max(2, Int((bottom - top) / 36)))
        let left = 18 + (yTicks.map { Canvas.width(of: $0.text, size: 11) }.max() ?? 0)
        area = Area(
            left: left, top: top, right: max(left + 20, size.width - right), bottom: max(top + 20, bottom))
        (x.start, x.end) = (area.left, area.right)
        (y.start, y.end) = (area.bottom, area.top)
        // As many as there is room for.
        var count = max(2, Int(area.width / 60))
        var ticks = x.ticks(about: count)
        while count > 1, Self.overlap(ticks, on: x) {
            count -= 1
            ticks = x.ticks(about: count)
        }
        xTicks = ticks
        (self.x, self.y) = (x, y)
    }

    /// What a legend leaves free on both sides together.
    static let margins = 24.0

    static func titleHeight(_ title: String) -> Double { title.isEmpty ? 6 : 28 }

    private static func overlap(_ ticks: [(value: Double, text: String)], on axis: PlacedAxis) -> Bool {
        zip(ticks, ticks.dropFirst()).contains { left, right in
            axis.place(right.value) - axis.place(left.value)
                < (Canvas.width(of: left.text, size: 11) + Canvas.width(of: right.text, size: 11)) / 2 + 6
        }
    }

    /// Draws what is behind the data.
    func draw(on canvas: inout Canvas) {
        canvas.text(Canvas.shortened(title, to: size.width - 24, size: 14), 12, 20, size: 14, isBold: true)
        legend.draw(on: &canvas)
        for tick in yTicks {
            let place = y.place(tick.value)
            canvas.line(Point(area.left, place), Point(area.right, place))
            canvas.text(tick.text, area.left - 6, place + 4, size: 11, color: "muted", anchor: .end)
        }
        for tick in xTicks {
            let place = x.place(tick.value)
            canvas.line(Point(place, area.bottom), Point(place, area.bottom + 4), color: "muted")
            canvas.text(tick.text, place, area.bottom + 17, size: 11, color: "muted", anchor: .middle)
        }
        canvas.line(Point(area.left, area.bottom), Point(area.right, area.bottom), color: "muted")
        canvas.text(y.axis.text, 12, area.top - 10, size: 12, color: "muted")
        canvas.text(
            x.axis.text, (area.left + area.right) / 2, area.bottom + 33, size: 12, color: "muted",
            anchor: .middle)
    }

    /// Says in the middle that there is nothing to show.
    func drawEmpty(on canvas: inout Canvas) {
        canvas.text(
            "no data", (area.left + area.right) / 2, (area.top + area.bottom) / 2, color: "muted",
            anchor: .middle)
    }
}

/// Names of series beside samples of them, in as many rows as they need.
struct Legend {
    let bottom: Double
    private var places: [(entry: LegendEntry, text: String, at: Point)] = []

    init(_ entries: [LegendEntry], left: Double, top: Double, width: Double) {
        var at = Point(left, top + 10)
        for entry in entries {
            let text = Canvas.shortened(entry.name, to: width - 34)
            let needed = 34 + Canvas.width(of: text)
            if at.x > left, at.x + needed > left + width {
                at = Point(left, at.y + 18)
            }
            places.append((entry, text, at))
            at.x += needed + 14
        }
        bottom = entries.isEmpty ? top : at.y + 6
    }

    func draw(on canvas: inout Canvas) {
        for (entry, text, at) in places {
            switch entry.sample {
            case .line(let style):
                let color = ChartStyle.color(style.color)
                if style.hasLine {
                    canvas.line(
                        Point(at.x, at.y - 4), Point(at.x + 26, at.y - 4), color: color, width: 2,
                        dash: ChartStyle.dashes[style.dash % ChartStyle.dashes.count])
                }
                if let marker = style.marker {
                    canvas.marker(marker, at: Point(at.x + 13, at.y - 4), color: color)
                }
            case .bar(let color):
                canvas.bar(
                    Area(left: at.x + 6, top: at.y - 10, right: at.x + 26, bottom: at.y + 1), style: color)
            }
            canvas.text(text, at.x + 31, at.y)
        }
    }
}

extension Canvas {
    /// A filled bar; bars of another number have another colour and other hatches.
    mutating func bar(_ area: Area, style: Int, hint: String? = nil) {
        let color = ChartStyle.color(style)
        rectangle(area.left, area.top, area.width, area.height, color: color, opacity: 0.75, hint: hint)
        guard style % 5 > 0, area.width > 0, area.height > 0 else { return }
        clipped(to: area) { canvas in
            let lean = area.height * [0, 1, -1, 0, 2][style % 5]
            var offset = area.left - abs(lean)
            while offset < area.right + abs(lean) {
                canvas.line(
                    Point(offset, area.bottom), Point(offset + lean, area.top), color: "paper", width: 1.5)
                offset += 6
            }
        }
    }
}
