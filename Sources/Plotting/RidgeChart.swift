/// Histograms one above another, over one axis: how a distribution changes.
package struct RidgeChart: Chart {
    /// A histogram, with bins of equal width.
    package struct Row: Sendable, Equatable {
        /// Its name, as in "epoch 1".
        package var name: String
        /// Where the first bin begins.
        package var minimum: Double
        /// Where the last bin ends.
        package var maximum: Double
        /// How many values are in each bin.
        package var counts: [Int]

        /// A histogram.
        package init(_ name: String, minimum: Double, maximum: Double, counts: [Int]) {
            self.name = name
            self.minimum = minimum
            self.maximum = maximum
            self.counts = counts
        }

        fileprivate var isShown: Bool {
            minimum.isFinite && maximum.isFinite && minimum <= maximum && counts.contains { $0 > 0 }
        }

        /// The share of values per unit of the axis in each bin.
        fileprivate var densities: [Double] {
            let total = Double(counts.reduce(0, +))
            let width = max((maximum - minimum) / Double(counts.count), .leastNormalMagnitude)
            return counts.map { Double($0) / total / width }
        }
    }

    /// What stands above it.
    package var title: String
    /// The values.
    package var x: Axis
    /// The histograms, from the top down.
    package var rows: [Row]
    /// How wide it is.
    package var width: Double
    /// How far rows are apart; one alone has more.
    package var rowHeight: Double

    /// A chart.
    package init(_ title: String, x: Axis, rows: [Row], width: Double = 720, rowHeight: Double = 26) {
        self.title = title
        self.x = x
        self.rows = rows
        self.width = width
        self.rowHeight = rowHeight
    }

    /// As high as its rows need.
    package var size: ChartSize { ChartSize(width, top + room + rowHeight * Double(max(1, rows.count)) + 44) }

    /// The axis, and where each histogram lies.
    package var summary: String {
        let text = NumberText(format: x.format)
        return "Share of values by \(x.text), each histogram as high as its highest bin. "
            + rows.map { row in
                row.isShown
                    ? "\(row.name): from \(text.text(row.minimum)) to \(text.text(row.maximum))"
                    : "\(row.name): no data"
            }.joined(separator: "; ")
    }

    private var top: Double { PlotFrame.titleHeight(title) + 4 }
    /// How far a row reaches into those above it.
    private var room: Double { rows.count == 1 ? 60 : rowHeight * 0.6 }

    /// Draws it.
    package func draw(on canvas: inout Canvas) {
        canvas.text(Canvas.shortened(title, to: width - 24, size: 14), 12, 20, size: 14, isBold: true)
        let shown = rows.filter(\.isShown)
        var placed = PlacedAxis(x, showing: shown.flatMap { [$0.minimum, $0.maximum] })
        let left = min(width * 0.4, 24 + (rows.map { Canvas.width(of: $0.name, size: 11) }.max() ?? 0))
        let area = Area(
            left: left, top: top + room, right: width - 16,
            bottom: top + room + rowHeight * Double(max(1, rows.count)))
        (placed.start, placed.end) = (area.left, area.right)
        for tick in placed.ticks(about: max(2, Int(area.width / 80))) {
            let place = placed.place(tick.value)
            canvas.line(Point(place, area.top - room), Point(place, area.bottom))
            canvas.text(tick.text, place, area.bottom + 15, size: 11, color: "muted", anchor: .middle)
        }
        canvas.text(x.text, (area.left + area.right) / 2, area.bottom + 33, color: "muted", anchor: .middle)
        for (index, row) in rows.enumerated() {
            let base = area.top + rowHeight * Double(index + 1)
            canvas.text(
                Canvas.shortened(row.name, to: left - 20, size: 11), left - 8, base - 2, size: 11,
                color: "muted",
                anchor: .end)
            guard row.isShown else {
                canvas.text("no data", area.left + 4, base - 2, size: 11, color: "muted")
                continue
            }
            let outline = outline(of: row, base: base, placed)
            canvas.path(outline, color: "paper", width: 0, isClosed: true, fillOpacity: 0.6)
            canvas.path(outline, color: ChartStyle.color(0), width: 1.2, isClosed: true, fillOpacity: 0.35)
        }
    }

    /// Steps, each row as high as its highest bin: rows are compared by their form.
    private func outline(of row: Row, base: Double, _ placed: PlacedAxis) -> [Point] {
        guard row.maximum > row.minimum else {
            let place = placed.place(row.minimum)
            return [Point(place - 1, base), Point(place, base - rowHeight - room), Point(place + 1, base)]
        }
        let densities = row.densities
        let factor = (rowHeight + room - 3) / (densities.max() ?? 1)
        let width = (row.maximum - row.minimum) / Double(row.counts.count)
        var points = [Point(placed.place(row.minimum), base)]
        for (index, density) in densities.enumerated() {
            let y = base - density * factor
            points.append(Point(placed.place(row.minimum + width * Double(index)), y))
            points.append(Point(placed.place(row.minimum + width * Double(index + 1)), y))
        }
        return points + [Point(placed.place(row.maximum), base)]
    }
}
