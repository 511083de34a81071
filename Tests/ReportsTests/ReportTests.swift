import DataParallel
import Datasets
import Foundation
import Plotting
import Reports
import Testing
import Training

#if canImport(FoundationXML)
import FoundationXML
#endif

@Suite("Charts and page of runs")
struct ReportTests {
    @Test("Every quantity has charts with the groups' values in them")
    func quantities() throws {
        let runs = try SampleRuns()
        let groups = try RunGroup.grouping([
            runs.add("a", diagnostics: true), runs.add("b", diagnostics: true) { $0.batchNorm = .sync },
        ])
        for quantity in Quantity.allCases {
            let charts = try quantity.charts(of: groups, size: ChartSize(400, 300)).compactMap {
                $0 as? LineChart
            }
            #expect(!charts.isEmpty, "\(quantity)")
            #expect(charts.allSatisfy { !$0.series.isEmpty && !$0.x.label.isEmpty && !$0.y.label.isEmpty })
            let names = charts.flatMap { $0.series.map(\.name) }
            #expect(names.contains { $0.contains("batch-norm sync") }, "\(quantity): \(names)")
            #expect(
                charts.contains { $0.series.contains { $0.points.contains { $0.y.isFinite } } }, "\(quantity)"
            )
        }
        let loss = try #require(
            try Quantity.loss.charts(of: groups, size: ChartSize(400, 300)).first as? LineChart)
        #expect(
            loss.series.map(\.name) == [
                "batch-norm none, training", "batch-norm none, validation", "batch-norm sync, training",
                "batch-norm sync, validation",
            ])
        #expect(loss.references.map(\.label) == ["ln 10: guessing"])
    }

    @Test("Layers of the same place are compared, whatever their names; of one run they have their names")
    func places() throws {
        let runs = try SampleRuns()
        let all = try [
            runs.add("a", diagnostics: true), runs.add("b", diagnostics: true) { $0.batchNorm = .sync },
        ]
        let size = ChartSize(400, 300)
        let dead = try Quantity.deadUnits.charts(of: RunGroup.grouping(all), size: size)
        #expect(dead.map(\.title) == ["Dead units: activation 1"])
        #expect((dead[0] as? LineChart)?.series.count == 2)
        let norms = try Quantity.norms.charts(of: RunGroup.grouping(all), size: size)
        #expect(norms.map(\.title).contains("Norms of the parameters: linear 2 weight"))
        let own = try #require(
            try Quantity.activationMean.charts(of: RunGroup.grouping([all[0]]), size: size).first
                as? LineChart)
        #expect(own.series.map(\.name) == ["layers.0 linear", "layers.1 ReLU", "layers.2 linear"])
    }

    @Test("Pages of one run and of several are well-formed, whole in one file, and without scripts")
    func pages() throws {
        let runs = try SampleRuns()
        let all = try [
            runs.add("a<b>&", seed: 1, diagnostics: true), runs.add("b", seed: 2, diagnostics: true),
            runs.add("c") { $0.residual = true },
        ]
        for some in [[all[0]], [all[2]], all] {
            let html = try Report(of: some, dataWords: []) { SyntheticDataset(seed: $0) }.html()
            let page = ParsedPage(html)
            #expect(page.problem == nil, "\(page.problem ?? "")")
            #expect(page.resources.isEmpty, "\(page.resources)")
            #expect(
                !page.names.contains("script") && !page.names.contains("link") && !html.contains("@import"))
            #expect(page.ids.isEmpty)
            #expect(!page.hasBadNumber)
            #expect(page.names.contains("svg") && page.text.contains("The run has no checkpoint yet."))
            for heading in [
                "Loss and accuracy", "Inside the model", "Confusion matrix", "Configuration", "Commands",
            ] {
                #expect(page.headings.contains(heading))
            }
        }
    }

    @Test("Sections without records say how to get them; with records they show them")
    func sections() throws {
        let runs = try SampleRuns()
        let with = try Report(of: [runs.add("a", diagnostics: true)], dataWords: []) {
            SyntheticDataset(seed: $0)
        }
        let without = try Report(of: [runs.add("b")], dataWords: ["--data", "x y"]) {
            SyntheticDataset(seed: $0)
        }
        #expect(try ParsedPage(without.html()).text.contains("--diagnostics"))
        let text = try ParsedPage(with.html()).text
        #expect(!text.contains("--diagnostics"))
        #expect(
            text.contains("cat & co") && text.contains("75.0 %") && text.contains("88.9 %"),
            "precision, recall, F1")
        #expect(text.contains("not finished: 3 of 3 epochs so far"))
        #expect(try ParsedPage(without.html()).text.contains("dp-train --data 'x y' --epochs 3"))
    }
}

/// A page, read by a parser of XML.
private final class ParsedPage: NSObject, XMLParserDelegate {
    private(set) var problem: String?
    private(set) var names: Set<String> = []
    /// What it would load from elsewhere.
    private(set) var resources: [String] = []
    private(set) var ids: [String] = []
    private(set) var hasBadNumber = false
    private(set) var text = ""
    private(set) var headings: [String] = []
    private var isHeading = false

    init(_ html: String) {
        super.init()
        let parser = XMLParser(data: Data(html.utf8))
        parser.delegate = self
        if !parser.parse() {
            problem = "\(parser.parserError.map { "\($0)" } ?? "?") in line \(parser.lineNumber)"
        }
    }

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String] = [:]
    ) {
        names.insert(name)
        for (key, value) in attributes {
            if ["src", "href"].contains(key), !value.hasPrefix("data:") { resources.append(value) }
            if key == "id" { ids.append(value) }
            if ["d", "x", "y", "width", "height", "points"].contains(key), value.contains("nan") {
                hasBadNumber = true
            }
        }
        isHeading = name == "h2"
        if isHeading { headings.append("") }
    }

    func parser(
        _ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?
    ) {
        isHeading = false
    }

    func parser(_ parser: XMLParser, foundCharacters string: String) {
        text += string
        if isHeading { headings[headings.count - 1] += string }
    }
}
