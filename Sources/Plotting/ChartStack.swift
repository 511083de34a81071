/// Charts one above another in one picture.
package struct ChartStack: Chart {
    /// What the whole is called.
    package var title: String
    /// The charts, from the top down.
    package var charts: [any Chart]

    /// Charts one above another.
    package init(_ title: String, _ charts: [any Chart]) {
        self.title = title
        self.charts = charts
    }

    /// As wide as the widest, as high as all.
    package var size: ChartSize {
        ChartSize(charts.map(\.size.width).max() ?? 0, charts.reduce(0) { $0 + $1.size.height })
    }

    /// What each shows.
    package var summary: String { charts.map { "\($0.title): \($0.summary)" }.joined(separator: " ") }

    /// Draws them.
    package func draw(on canvas: inout Canvas) {
        var top = 0.0
        for chart in charts {
            canvas.moved(down: top) { chart.draw(on: &$0) }
            top += chart.size.height
        }
    }
}
