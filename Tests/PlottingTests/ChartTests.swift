import Foundation
import Testing

import Plotting

/// One of each kind of chart, with odd numbers and names in it.
private let charts: [any Chart] = {
    let odd = [1, .nan, -2, .infinity, 0, 1e300, 1e-300, 3].enumerated().map {
        Point(Double($0.offset), $0.element)
    }
    let epochs = Axis("epoch", format: .integer)
    return [
        LineChart(
            "Loss & <accuracy>", x: epochs, y: Axis("\"loss\"", unit: "nats"),
            series: [.init("a<b", odd), .init("none", [])], references: [.init(log(10), "ln 10 & more")]),
        LineChart(
            "Logarithmic", x: epochs, y: Axis("norm", scale: .logarithmic), series: [.init("odd", odd)]),
        LineChart("Nothing", x: epochs, y: Axis("loss"), series: []),
        LineChart("One value", x: epochs, y: Axis("loss"), series: [.init("a", [Point(1, 5)])]),
        BarChart(
            "Bars", categories: ["a", "b & c"], axis: Axis("accuracy", format: .percent),
            groups: [
                .init("x", [.init(0.5, low: 0.4, high: 0.6), nil]), .init("y", [.init(.nan), .init(-0.2)]),
            ]),
        BarChart("No bars", categories: [], axis: Axis("accuracy"), groups: []),
        RidgeChart(
            "Ridges", x: Axis("output"),
            rows: [
                .init("epoch 1", minimum: -1, maximum: 1, counts: [1, 5, 2]),
                .init("epoch 2", minimum: 3, maximum: 3, counts: [7]),
                .init("epoch 3", minimum: .nan, maximum: .nan, counts: [0]),
            ]),
        Heatmap(
            "Shades", rowLabel: "true", rows: ["cat", "dog"], columnLabel: "predicted",
            columns: ["cat", "dog"],
            cells: [[.init(0.9, "9"), .init(.nan)], [.init(nil), .init(0.1, "1")]],
            scale: Axis("share", format: .percent)),
        Heatmap(
            "No cells", rowLabel: "a", rows: [], columnLabel: "b", columns: [], cells: [], scale: Axis("c")),
        ImageGrid("Pictures", items: [.init(png: [1, 2, 3], caption: ["<cat>"], frame: .dashed)]),
        ImageGrid("No pictures", items: []),
        ContourChart(
            "Saddle", x: Axis("x", range: -1...1), y: Axis("y", range: -1...1), heightLabel: "f",
            levels: [-0.5, 0, 0.5], samples: 9, paths: [.init("descent", [Point(0.5, 0), Point(.nan, 1)])]
        ) { x, y in x == 0 ? .nan : x * x - y * y },
    ]
}()

@Suite("Charts")
struct ChartTests {
    @Test(
        "Every chart is well-formed XML with a title and a description, and no attribute is NaN",
        arguments: charts.indices)
    func wellFormed(index: Int) {
        let chart = charts[index]
        for svg in [chart.svg(), chart.svg(embedsStyle: false), ChartStack("all", charts).svg()] {
            let document = SVGDocument(svg)
            #expect(document.problem == nil, "\(chart.title): \(document.problem ?? "")")
            #expect(document.badNumbers.isEmpty, "\(chart.title): \(document.badNumbers)")
            #expect(document.all("title").count >= 1 && document.all("desc").count == 1)
            #expect(document.elements.first?.attributes["role"] == "img")
            // So many of them can share a page.
            #expect(document.elements.allSatisfy { $0.attributes["id"] == nil })
        }
        #expect(SVGDocument(chart.svg()).text.contains(chart.title), "the title is escaped once")
        #expect(chart.svg().contains("prefers-color-scheme: dark"))
        #expect(!chart.svg(embedsStyle: false).contains("<style>"))
    }

    @Test("Text is escaped, and characters that XML does not have are left out")
    func escaping() {
        #expect(
            Canvas.escaped("a<b> & \"c\" 'd'\u{1}\u{85}\u{fffe}\n€")
                == "a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39; €")
    }

    @Test("Lines lie where the values are, with a gap where one is not finite")
    func lines() throws {
        let values = [4.0, 3, .nan, 1, 0]
        let chart = LineChart(
            "t", x: Axis("x"), y: Axis("y", range: 0...4),
            series: [
                .init(
                    "s", values.enumerated().map { Point(Double($0.offset), $0.element) },
                    style: SeriesStyle(color: 2))
            ])
        let paths = SVGDocument(chart.svg()).all("path").filter { $0.attributes["class"] == "c2" }
        let pieces = paths.map(SVGDocument.points)
        #expect(pieces.map(\.count) == [2, 2])
        let (top, second, bottom) = (pieces[0][0], pieces[0][1], pieces[1][1])
        // Down is larger; distances are as those of the values.
        #expect(abs((bottom.y - top.y) / 4 - (second.y - top.y)) < 0.02)
        #expect(abs((bottom.x - top.x) / 4 - (second.x - top.x)) < 0.02)
    }

    @Test("A logarithmic axis has equal distances for equal ratios, and leaves out what is not positive")
    func logarithmic() throws {
        let chart = LineChart(
            "t", x: Axis("x"), y: Axis("y", scale: .logarithmic),
            series: [.init("s", values: [100, 10, 1, 0, -1], style: SeriesStyle(color: 2))])
        let path = try #require(SVGDocument(chart.svg()).all("path").first { $0.attributes["class"] == "c2" })
        let points = SVGDocument.points(of: path)
        #expect(points.count == 3)
        #expect(abs((points[1].y - points[0].y) - (points[2].y - points[1].y)) < 0.02)
    }

    @Test("A band encloses its line")
    func band() throws {
        let points = (1...3).map { Point(Double($0), Double($0)) }
        let chart = LineChart(
            "t", x: Axis("x"), y: Axis("y"),
            series: [
                .init(
                    "s", points, band: points.map { .init($0.x, $0.y - 0.5, $0.y + 0.5) },
                    style: SeriesStyle(color: 2))
            ])
        let paths = SVGDocument(chart.svg()).all("path").filter { $0.attributes["class"] == "c2" }
        #expect(paths.count == 2)
        let (band, line) = (SVGDocument.points(of: paths[0]), SVGDocument.points(of: paths[1]))
        #expect(paths[0].attributes["fill-opacity"] != nil && band.count == 6)
        for index in line.indices {
            #expect(band[index].y < line[index].y && line[index].y < band[5 - index].y)
        }
    }

    @Test("Bars begin at 0, whatever the values")
    func zeroBaseline() throws {
        let chart = BarChart(
            "t", categories: ["a", "b"], axis: Axis("accuracy"), groups: [.init("g", values: [0.5, 0.25])])
        let bars = SVGDocument(chart.svg()).all("rect").filter { $0.attributes["class"] == "c0" }
        let widths = try bars.map { try #require($0.attributes["width"].flatMap(Double.init)) }
        #expect(widths.count == 2 && abs(widths[0] / widths[1] - 2) < 0.01)
        #expect(Set(bars.map { $0.attributes["x"] }).count == 1)
    }

    @Test("A series without points is said to have none")
    func empty() {
        let chart = LineChart(
            "t", x: Axis("x"), y: Axis("y"), series: [.init("a", values: [1, 2]), .init("b", [])])
        #expect(SVGDocument(chart.svg()).text.contains("b (no data)"))
        let nothing = LineChart("t", x: Axis("x"), y: Axis("y"), series: [.init("a", values: [.nan])])
        #expect(SVGDocument(nothing.svg()).text.contains("no data"))
    }

    @Test("Thousands of points become a few per column, the extremes among them")
    func thinning() throws {
        var points = (0..<50_000).map { Point(Double($0) / 100, sin(Double($0))) }
        points[31_000].y = 40
        let thinned = Thinning.byColumn(points)
        #expect(thinned.count <= 4 * 501)
        #expect(
            thinned.contains(points[31_000]) && thinned.first == points.first && thinned.last == points.last)
        #expect(zip(thinned, thinned.dropFirst()).allSatisfy { $0.x <= $1.x })
        #expect(Thinning.byColumn(Array(points.prefix(100))) == Array(points.prefix(100)))
    }

    @Test("Series differ in dash and marker too, and few have their names at their ends")
    func appearance() {
        let styles = (0..<5).map(SeriesStyle.automatic)
        #expect(Set(styles.map(\.dash)).count == 5 && Set(styles.map { $0.marker ?? -1 }).count == 5)
        func chart(_ count: Int) -> LineChart {
            LineChart(
                "t", x: Axis("x"), y: Axis("y"), series: (0..<count).map { .init("s\($0)", values: [1, 1]) })
        }
        for count in [3, 6] {
            let labels = SVGDocument(chart(count).svg()).all("text").filter {
                $0.attributes["font-weight"] == "600" && $0.attributes["class"]?.hasPrefix("c") == true
            }
            #expect(labels.count == (count == 3 ? 3 : 0))
            let heights = labels.compactMap { $0.attributes["y"].flatMap(Double.init) }.sorted()
            #expect(zip(heights, heights.dropFirst()).allSatisfy { $1 - $0 > 11 }, "they do not overlap")
        }
    }

    @Test("A legend of many long names takes no room from the lines")
    func manySeries() {
        func height(_ count: Int) -> Double {
            let name = String(repeating: "setting ", count: 6)
            let chart = LineChart(
                "t", x: Axis("x"), y: Axis("y", range: 0...1),
                series: (0..<count).map {
                    .init("\(name)\($0)", values: [0, 1], style: SeriesStyle(color: $0))
                }, size: ChartSize(440, 290))
            let lines = SVGDocument(chart.svg()).all("path").filter { $0.attributes["class"] == "c0" }
            // Markers are paths, too.
            return lines.map(SVGDocument.points).filter { $0.count == 2 }.map { $0[0].y - $0[1].y }.max() ?? 0
        }
        let few = height(2)
        #expect(few > 100)
        #expect(abs(height(12) - few) < 0.02)
    }
}
