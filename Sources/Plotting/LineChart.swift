/// Values over a quantity, as lines or points, with bands around them.
package struct LineChart: Chart {
    /// What is drawn in one colour.
    package struct Series: Sendable, Equatable {
        /// Its name.
        package var name: String
        /// Its points, in the order in which the line goes. The line has a gap where one is not finite.
        package var points: [Point]
        /// What is shaded around it.
        package var band: [Band]
        /// How it looks; nil for the style of its number.
        package var style: SeriesStyle?

        /// A series.
        package init(_ name: String, _ points: [Point], band: [Band] = [], style: SeriesStyle? = nil) {
            self.name = name
            self.points = points
            self.band = band
            self.style = style
        }

        /// Values over 1, 2, 3 and so on.
        package init(_ name: String, values: [Double], style: SeriesStyle? = nil) {
            self.init(
                name, values.enumerated().map { Point(Double($0.offset + 1), $0.element) }, style: style)
        }
    }

    /// A place of a band, such as mean ± deviation.
    package struct Band: Sendable, Equatable {
        /// Where.
        package var x: Double
        /// From.
        package var low: Double
        /// To.
        package var high: Double

        /// A place of a band.
        package init(_ x: Double, _ low: Double, _ high: Double) {
            self.x = x
            self.low = low
            self.high = high
        }
    }

    /// A line at one value, to compare with.
    package struct ReferenceLine: Sendable, Equatable {
        /// The value.
        package var value: Double
        /// What it means, as in "ln 10".
        package var label: String

        /// A line at a value.
        package init(_ value: Double, _ label: String) {
            self.value = value
            self.label = label
        }
    }

    /// What stands above it.
    package var title: String
    /// To the right.
    package var x: Axis
    /// Upwards.
    package var y: Axis
    /// What is shown.
    package var series: [Series]
    /// Values to compare with.
    package var references: [ReferenceLine]

    /// How large it is with a legend of one row.
    private let ownSize: ChartSize

    /// A chart.
    package init(
        _ title: String, x: Axis, y: Axis, series: [Series], references: [ReferenceLine] = [],
        size: ChartSize = ChartSize(720, 400)
    ) {
        self.title = title
        self.x = x
        self.y = y
        self.series = series
        self.references = references
        ownSize = size
    }

    /// As large as was asked for, and higher by the rows of the legend behind the first one: they take no room from the data.
    package var size: ChartSize {
        let rows = Legend(legend, left: 0, top: 0, width: ownSize.width - PlotFrame.margins)
        let first = Legend(Array(legend.prefix(1)), left: 0, top: 0, width: ownSize.width)
        return ChartSize(ownSize.width, ownSize.height + rows.bottom - first.bottom)
    }

    /// The axes, and each series' first and last value.
    package var summary: String {
        let text = NumberText(format: y.format)
        let parts = series.map { series in
            let shown = series.points.filter(isShown)
            guard let first = shown.first, let last = shown.last else { return "\(series.name): no data" }
            return "\(series.name): from \(text.text(first.y)) to \(text.text(last.y))"
        }
        return "\(y.text) over \(x.text). " + parts.joined(separator: "; ")
    }

    private func isShown(_ point: Point) -> Bool { x.shows(point.x) && y.shows(point.y) }

    private var styles: [SeriesStyle] {
        series.enumerated().map { index, series in series.style ?? .automatic(index) }
    }

    private var isEmpty: [Bool] { series.map { !$0.points.contains(where: isShown) } }

    private var names: [String] { zip(series, isEmpty).map { $1 ? "\($0.name) (no data)" : $0.name } }

    private var widestName: Double { names.map { Canvas.width(of: $0) }.max() ?? 0 }

    /// Whether names stand at the lines' ends, as few short ones do; else there is a legend.
    private var isDirect: Bool {
        series.count > 1 && series.count <= 4 && widestName < ownSize.width * 0.28 && !isEmpty.contains(true)
    }

    private var legend: [LegendEntry] {
        isDirect || (series.count == 1 && !isEmpty[0])
            ? [] : zip(names, styles).map { LegendEntry(name: $0, sample: .line($1)) }
    }

    /// Draws it.
    package func draw(on canvas: inout Canvas) {
        let placedX = PlacedAxis(
            x, showing: series.flatMap { $0.points.filter(isShown).map(\.x) + $0.band.map(\.x) })
        let placedY = PlacedAxis(
            y,
            showing: series.flatMap {
                $0.points.filter(isShown).map(\.y) + $0.band.flatMap { [$0.low, $0.high] }
            }
                + references.map(\.value), padding: 0.05)
        // Bold is wider.
        let frame = PlotFrame(
            title: title, size: size, x: placedX, y: placedY, legend: legend,
            right: isDirect ? widestName * 1.12 + 24 : 18)
        frame.draw(on: &canvas)
        for reference in references where placedY.axis.shows(reference.value) {
            let place = frame.y.place(reference.value)
            guard place >= frame.area.top - 1, place <= frame.area.bottom + 1 else { continue }
            canvas.line(
                Point(frame.area.left, place), Point(frame.area.right, place), color: "muted", width: 1.2,
                dash: "4 4")
        }
        guard isEmpty.contains(false) else { return frame.drawEmpty(on: &canvas) }
        let (styles, names) = (styles, names)
        // A mark on the edge is not to be cut in half.
        let clip = Area(
            left: frame.area.left - 4, top: frame.area.top - 4, right: frame.area.right + 4,
            bottom: frame.area.bottom + 4)
        canvas.clipped(to: clip) { canvas in
            for (series, style) in zip(series, styles) { draw(series.band, style, frame, &canvas) }
            for (series, style) in zip(series, styles) { draw(series.points, style, frame, &canvas) }
        }
        for reference in references { drawLabel(of: reference, frame, &canvas) }
        if isDirect { drawLabels(names, styles, frame, &canvas) }
    }

    /// Over the lines, which would cross it out, and shine through.
    private func drawLabel(of reference: ReferenceLine, _ frame: PlotFrame, _ canvas: inout Canvas) {
        let (area, place) = (frame.area, frame.y.place(reference.value))
        guard y.shows(reference.value), place >= area.top - 1, place <= area.bottom + 1 else { return }
        let width = Canvas.width(of: reference.label, size: 11) + 6
        canvas.rectangle(area.right - 3 - width, place - 15, width, 13, color: "paper", opacity: 0.5)
        canvas.text(reference.label, area.right - 5, place - 5, size: 11, color: "muted", anchor: .end)
    }

    private func draw(_ band: [Band], _ style: SeriesStyle, _ frame: PlotFrame, _ canvas: inout Canvas) {
        // On a logarithmic axis a band that reaches below 0 ends at the edge.
        let shown = band.filter { x.shows($0.x) && $0.low.isFinite && y.shows($0.high) }
        let upper = shown.map { Point(frame.x.place($0.x), frame.y.place($0.high)) }
        let lower = shown.map {
            Point(frame.x.place($0.x), frame.y.place(y.shows($0.low) ? $0.low : frame.y.low))
        }
        canvas.path(
            upper + lower.reversed(), color: ChartStyle.color(style.color), width: 0, isClosed: true,
            fillOpacity: 0.18)
    }

    private func draw(_ points: [Point], _ style: SeriesStyle, _ frame: PlotFrame, _ canvas: inout Canvas) {
        let color = ChartStyle.color(style.color)
        let pieces = points.split { !isShown($0) }.map { piece in
            piece.map { Point(frame.x.place($0.x), frame.y.place($0.y)) }
        }
        if style.hasLine {
            for piece in pieces {
                canvas.path(
                    Thinning.byColumn(piece), color: color, width: 2,
                    dash: ChartStyle.dashes[style.dash % ChartStyle.dashes.count])
                // A point between two gaps has no line to show it.
                if piece.count == 1 { canvas.marker(style.marker ?? 0, at: piece[0], color: color) }
            }
        }
        guard let marker = style.marker else { return }
        let places = pieces.flatMap(\.self)
        let stride = style.hasLine ? max(1, (places.count + 11) / 12) : max(1, places.count / 4000)
        for index in Swift.stride(from: places.count - 1, through: 0, by: -stride) {
            canvas.marker(marker, at: places[index], color: color)
        }
    }

    private func drawLabels(
        _ names: [String], _ styles: [SeriesStyle], _ frame: PlotFrame, _ canvas: inout Canvas
    ) {
        let ends = series.indices.compactMap { index in
            series[index].points.last(where: isShown).map { (index, frame.y.place($0.y)) }
        }.sorted { $0.1 < $1.1 }
        var places = ends.map { min(max($0.1, frame.area.top), frame.area.bottom) }
        // Pushed apart downwards, then up from the lower edge.
        for index in places.indices.dropFirst() { places[index] = max(places[index], places[index - 1] + 15) }
        for index in places.indices.reversed() {
            let limit = index + 1 < places.count ? places[index + 1] - 15 : frame.area.bottom
            places[index] = min(places[index], limit)
        }
        for ((index, _), place) in zip(ends, places) {
            canvas.text(
                names[index], frame.area.right + 9, place + 4, color: ChartStyle.color(styles[index].color),
                isBold: true)
        }
    }
}

/// Leaves out points that nobody could see.
package enum Thinning {
    /// Of each column of pixels the first, lowest, highest and last point, in their order; lines that go back and forth stay
    /// as they are.
    package static func byColumn(_ points: [Point]) -> [Point] {
        guard points.count > 1000, zip(points, points.dropFirst()).allSatisfy({ $0.x <= $1.x }) else {
            return points
        }
        var result: [Point] = []
        var start = 0
        while start < points.count {
            let column = points[start].x.rounded(.down)
            var end = start
            while end < points.count, points[end].x.rounded(.down) == column { end += 1 }
            let range = start..<end
            let kept = [
                start, range.min { points[$0].y < points[$1].y }, range.max { points[$0].y < points[$1].y },
                end - 1,
            ]
            result += Set(kept.compactMap(\.self)).sorted().map { points[$0] }
            start = end
        }
        return result
    }
}
