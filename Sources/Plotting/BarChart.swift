/// Lengths by category, beside one another for each group, from a base line at 0.
package struct BarChart: Chart {
    /// The bars of one colour, one for each category.
    package struct Group: Sendable, Equatable {
        /// Its name.
        package var name: String
        /// Its bars; nil where there is none.
        package var bars: [Bar?]

        /// A group.
        package init(_ name: String, _ bars: [Bar?]) {
            self.name = name
            self.bars = bars
        }

        /// A group of values without error bars.
        package init(_ name: String, values: [Double]) { self.init(name, values.map { Bar($0) }) }
    }

    /// A bar, perhaps with what it varies by.
    package struct Bar: Sendable, Equatable {
        /// How long it is.
        package var value: Double
        /// The ends of its error bar.
        package var low, high: Double?

        /// A bar.
        package init(_ value: Double, low: Double? = nil, high: Double? = nil) {
            self.value = value
            self.low = low
            self.high = high
        }
    }

    /// What stands above it.
    package var title: String
    /// The names of the categories, from the top down.
    package var categories: [String]
    /// What lengths mean.
    package var axis: Axis
    /// The bars.
    package var groups: [Group]
    /// Lengths to compare with.
    package var references: [LineChart.ReferenceLine]
    /// How wide it is.
    package var width: Double

    /// A chart.
    package init(
        _ title: String, categories: [String], axis: Axis, groups: [Group],
        references: [LineChart.ReferenceLine] = [], width: Double = 720
    ) {
        self.title = title
        self.categories = categories
        self.axis = axis
        self.groups = groups
        self.references = references
        self.width = width
    }

    /// As high as its bars need.
    package var size: ChartSize {
        ChartSize(width, bottom + 44)
    }

    /// The axis, and each value.
    package var summary: String {
        let text = NumberText(format: axis.format)
        let parts = categories.enumerated().map { index, category in
            let values = groups.map { group in
                let value = group.bars.indices.contains(index) ? group.bars[index]?.value : nil
                return (groups.count > 1 ? "\(group.name) " : "") + (value.map { text.text($0) } ?? "none")
            }
            return "\(category): \(values.joined(separator: ", "))"
        }
        return "\(axis.text). " + parts.joined(separator: "; ")
    }

    private static let thickness = 16.0
    private var rowHeight: Double { Self.thickness * Double(max(1, groups.count)) + 12 }
    private var bottom: Double { legend.bottom + 18 + rowHeight * Double(max(1, categories.count)) }
    private var legend: Legend {
        Legend(
            groups.count < 2
                ? []
                : groups.enumerated().map {
                    LegendEntry(name: $0.element.name, sample: .bar(color: $0.offset))
                }, left: 12, top: PlotFrame.titleHeight(title), width: width - 24)
    }

    /// Draws it.
    package func draw(on canvas: inout Canvas) {
        let text = NumberText(format: axis.format)
        let all = groups.flatMap { $0.bars.compactMap(\.self) }
        // Bars are compared by their lengths, which begin at 0 (a logarithm has none).
        var axis = axis
        axis.includesZero = true
        var placed = PlacedAxis(
            axis,
            showing: all.flatMap { [$0.value, $0.low, $0.high].compactMap(\.self) } + references.map(\.value),
            padding: 0.02)
        let left = min(
            width * 0.45, 24 + (categories.map { Canvas.width(of: $0) }.max() ?? 0))
        let valueRoom = 10 + (all.map { Canvas.width(of: text.text($0.value), size: 11) }.max() ?? 0)
        let area = Area(left: left, top: legend.bottom + 18, right: width - 14 - valueRoom, bottom: bottom)
        (placed.start, placed.end) = (area.left, area.right)
        canvas.text(Canvas.shortened(title, to: width - 24, size: 14), 12, 20, size: 14, isBold: true)
        legend.draw(on: &canvas)
        for tick in placed.ticks(about: max(2, Int(area.width / 70))) {
            let place = placed.place(tick.value)
            canvas.line(Point(place, area.top), Point(place, area.bottom))
            canvas.text(tick.text, place, area.bottom + 15, size: 11, color: "muted", anchor: .middle)
        }
        canvas.text(
            axis.text, (area.left + area.right) / 2, area.bottom + 34, color: "muted", anchor: .middle)
        let base = placed.place(axis.scale == .linear ? max(placed.low, min(0, placed.high)) : placed.low)
        for (row, category) in categories.enumerated() {
            let top = area.top + 6 + Double(row) * rowHeight
            canvas.text(
                Canvas.shortened(category, to: left - 20), left - 8, top + (rowHeight - 12) / 2 + 4,
                anchor: .end)
            for (index, group) in groups.enumerated() where group.bars.indices.contains(row) {
                let y = top + Double(index) * Self.thickness
                guard let bar = group.bars[row], axis.shows(bar.value) else {
                    canvas.text("no data", base + 6, y + 12, size: 11, color: "muted")
                    continue
                }
                draw(
                    bar, of: "\(category), \(group.name)", group: index, y: y, base: base, placed, text,
                    &canvas)
            }
        }
        canvas.line(Point(base, area.top), Point(base, area.bottom), color: "muted", width: 1.2)
        for reference in references where axis.shows(reference.value) {
            let place = placed.place(reference.value)
            canvas.line(
                Point(place, area.top - 4), Point(place, area.bottom), color: "muted", width: 1.2, dash: "4 4"
            )
            canvas.text(reference.label, place, area.top - 7, size: 11, color: "muted", anchor: .middle)
        }
    }

    private func draw(
        _ bar: Bar, of name: String, group: Int, y: Double, base: Double, _ placed: PlacedAxis,
        _ text: NumberText, _ canvas: inout Canvas
    ) {
        let end = placed.place(bar.value)
        canvas.bar(
            Area(left: min(base, end), top: y + 1, right: max(base, end), bottom: y + Self.thickness - 1),
            style: group, hint: "\(name): \(text.text(bar.value))")
        var outermost = max(end, base)
        if let low = bar.low, let high = bar.high, axis.shows(low), axis.shows(high) {
            let (from, to) = (placed.place(low), placed.place(high))
            let middle = y + Self.thickness / 2
            canvas.line(Point(from, middle), Point(to, middle), color: "ink", width: 1.5)
            for place in [from, to] {
                canvas.line(Point(place, middle - 4), Point(place, middle + 4), color: "ink", width: 1.5)
            }
            outermost = max(outermost, to)
        }
        canvas.text(text.text(bar.value), outermost + 6, y + Self.thickness / 2 + 4, size: 11)
    }
}
