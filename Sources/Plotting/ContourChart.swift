/// A function of two variables as lines of equal height over shades, with paths on it.
package struct ContourChart: Chart {
    /// What stands above it.
    package var title: String
    /// To the right.
    package var x: Axis
    /// Upwards.
    package var y: Axis
    /// What heights are.
    package var heightLabel: String
    /// Heights on a grid: rows from the lowest y up, in each from the lowest x up, evenly over the axes' ranges.
    package var heights: [[Double]]
    /// Heights at which lines are drawn.
    package var levels: [Double]
    /// Paths, as those of an optimizer.
    package var paths: [LineChart.Series]
    /// How large it is.
    package var size: ChartSize

    /// A chart.
    ///
    /// - Precondition: Both axes have a range.
    package init(
        _ title: String, x: Axis, y: Axis, heightLabel: String, heights: [[Double]], levels: [Double],
        paths: [LineChart.Series] = [], size: ChartSize = ChartSize(520, 460)
    ) {
        precondition(x.range != nil && y.range != nil)
        self.title = title
        self.x = x
        self.y = y
        self.heightLabel = heightLabel
        self.heights = heights
        self.levels = levels
        self.paths = paths
        self.size = size
    }

    /// A chart of a function, tried on a grid.
    package init(
        _ title: String, x: Axis, y: Axis, heightLabel: String, levels: [Double], samples: Int = 61,
        paths: [LineChart.Series] = [], size: ChartSize = ChartSize(520, 460),
        of function: (_ x: Double, _ y: Double) -> Double
    ) {
        func value(_ index: Int, on axis: Axis) -> Double {
            let range = axis.range ?? 0...1
            return range.lowerBound
                + (range.upperBound - range.lowerBound) * Double(index) / Double(max(1, samples - 1))
        }
        let heights = (0..<samples).map { row in
            (0..<samples).map { column in function(value(column, on: x), value(row, on: y)) }
        }
        self.init(
            title, x: x, y: y, heightLabel: heightLabel, heights: heights, levels: levels, paths: paths,
            size: size)
    }

    /// The axes and where paths begin and end.
    package var summary: String {
        let text = NumberText()
        func place(_ point: Point) -> String { "(\(text.text(point.x)), \(text.text(point.y)))" }
        let parts = paths.map { path in
            guard let first = path.points.first, let last = path.points.last else {
                return "\(path.name): no data"
            }
            return "\(path.name): from \(place(first)) to \(place(last))"
        }
        return "\(heightLabel) over \(x.text) and \(y.text). " + parts.joined(separator: "; ")
    }

    /// Draws it.
    package func draw(on canvas: inout Canvas) {
        let styles = paths.enumerated().map { $1.style ?? SeriesStyle(color: $0 + 1, dash: $0, marker: $0) }
        let frame = PlotFrame(
            title: title, size: size, x: PlacedAxis(x, showing: []), y: PlacedAxis(y, showing: []),
            legend: zip(paths, styles).map { LegendEntry(name: $0.name, sample: .line($1)) })
        frame.draw(on: &canvas)
        canvas.clipped(to: frame.area) { canvas in
            drawShades(frame, &canvas)
            for level in levels { drawContour(at: level, frame, &canvas) }
        }
        let clip = Area(
            left: frame.area.left - 4, top: frame.area.top - 4, right: frame.area.right + 4,
            bottom: frame.area.bottom + 4)
        canvas.clipped(to: clip) { canvas in
            for (path, style) in zip(paths, styles) {
                let points = path.points.prefix { $0.x.isFinite && $0.y.isFinite }
                    .map { Point(frame.x.place($0.x), frame.y.place($0.y)) }
                canvas.path(
                    points, color: ChartStyle.color(style.color), width: 2,
                    dash: ChartStyle.dashes[style.dash % ChartStyle.dashes.count])
                for point in points.prefix(400) {
                    guard let marker = style.marker else { break }
                    canvas.marker(marker, at: point, color: ChartStyle.color(style.color), radius: 2.6)
                }
            }
        }
    }

    private var shape: (rows: Int, columns: Int) { (heights.count, heights.map(\.count).min() ?? 0) }

    private func place(_ row: Double, _ column: Double, _ frame: PlotFrame) -> Point {
        Point(
            frame.area.left + frame.area.width * column / Double(max(1, shape.columns - 1)),
            frame.area.bottom - frame.area.height * row / Double(max(1, shape.rows - 1)))
    }

    /// A shade for each step between levels; pale below, full above.
    private func drawShades(_ frame: PlotFrame, _ canvas: inout Canvas) {
        let (rows, columns) = shape
        guard rows > 1, columns > 1, !levels.isEmpty else { return }
        let sorted = levels.sorted()
        for row in 0..<(rows - 1) {
            // Neighbours of one shade are one rectangle.
            var start = 0
            func shade(_ column: Int) -> Int? {
                let mean =
                    (heights[row][column] + heights[row][column + 1] + heights[row + 1][column]
                        + heights[row + 1][column + 1]) / 4
                return mean.isFinite ? sorted.filter { $0 < mean }.count : nil
            }
            while start < columns - 1 {
                let level = shade(start)
                var end = start + 1
                while end < columns - 1, shade(end) == level { end += 1 }
                if let level {
                    let (from, to) = (
                        place(Double(row + 1), Double(start), frame), place(Double(row), Double(end), frame)
                    )
                    canvas.rectangle(
                        from.x, from.y, to.x - from.x, to.y - from.y, color: ChartStyle.color(0),
                        opacity: 0.5 * Double(level) / Double(sorted.count))
                }
                start = end
            }
        }
    }

    /// Marching squares: where the line crosses the edges of each cell, on straight lines between the corners.
    private func drawContour(at level: Double, _ frame: PlotFrame, _ canvas: inout Canvas) {
        let (rows, columns) = shape
        guard rows > 1, columns > 1 else { return }
        for row in 0..<(rows - 1) {
            for column in 0..<(columns - 1) {
                let corners = [(row, column), (row, column + 1), (row + 1, column + 1), (row + 1, column)]
                var crossings: [Point] = []
                for index in 0..<4 {
                    let (from, to) = (corners[index], corners[(index + 1) % 4])
                    let (a, b) = (heights[from.0][from.1], heights[to.0][to.1])
                    guard a.isFinite, b.isFinite, (a < level) != (b < level) else { continue }
                    let share = (level - a) / (b - a)
                    crossings.append(
                        place(
                            Double(from.0) + share * Double(to.0 - from.0),
                            Double(from.1) + share * Double(to.1 - from.1), frame))
                }
                for pair in stride(from: 0, to: crossings.count - 1, by: 2) {
                    canvas.line(crossings[pair], crossings[pair + 1], color: "muted", width: 0.9)
                }
            }
        }
    }
}
