internal import Plotting

/// Pieces of the report's page: HTML that is XML too.
enum HTML {
    /// Text as it stands between tags and in attributes.
    static func text(_ string: String) -> String { Canvas.escaped(string) }

    /// An element.
    static func element(_ name: String, _ attributes: String = "", _ content: String) -> String {
        "<\(name)\(attributes.isEmpty ? "" : " " + attributes)>\(content)</\(name)>"
    }

    /// A paragraph of text.
    static func paragraph(_ string: String, class name: String? = nil) -> String {
        element("p", name.map { "class=\"\($0)\"" } ?? "", text(string))
    }

    /// A command to copy. It wraps rather than makes the page wider.
    static func command(_ line: String) -> String { element("pre", "", element("code", "", text(line))) }

    /// A part of the page with a heading.
    static func section(_ title: String, _ content: [String]) -> String {
        let heading = element("h2", "", text(title))
        return element("section", "", ([heading] + content).joined(separator: "\n")) + "\n"
    }

    /// Charts beside one another where there is room. Each scrolls by itself where it is too wide.
    static func charts(_ charts: [any Chart]) -> String {
        let boxes = charts.map { element("div", "class=\"chart\"", $0.svg(embedsStyle: false)) }
        return element("div", "class=\"charts\"", boxes.joined(separator: "\n"))
    }

    /// A table with a row of headings. The first column is text, others are numbers unless said otherwise.
    static func table(_ headings: [String], _ rows: [[String]], textColumns: Set<Int> = [0]) -> String {
        func cells(_ name: String, _ row: [String]) -> String {
            row.enumerated().map { index, cell in
                element(name, textColumns.contains(index) ? "" : "class=\"number\"", text(cell))
            }.joined()
        }
        let head = element("thead", "", element("tr", "", cells("th", headings)))
        let body = element(
            "tbody", "", rows.map { element("tr", "", cells("td", $0)) }.joined(separator: "\n"))
        return element("div", "class=\"wide\"", element("table", "", head + body))
    }

    /// What is folded away until somebody wants it.
    static func details(_ summary: String, isOpen: Bool = false, _ content: String) -> String {
        element("details", isOpen ? "open=\"open\"" : "", element("summary", "", text(summary)) + content)
    }

    /// The whole page: no scripts, nothing from elsewhere.
    static func page(title: String, body: String) -> String {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8"/>
        <meta name="viewport" content="width=device-width, initial-scale=1"/>
        <meta name="color-scheme" content="light dark"/>
        <title>\(text(title))</title>
        <style>\(style)\(ChartStyle.css)</style>
        </head>
        <body>
        <main>
        \(body)</main>
        </body>
        </html>

        """
    }

    private static let style = """
        :root{color-scheme:light dark;--paper:#f4f6f8;--card:#ffffff;--ink:#1b1f24;--muted:#57606a;--line:#d9dee3;\
        --accent:#0072b2}
        @media (prefers-color-scheme:dark){:root{--paper:#0d1014;--card:#15191e;--ink:#e6e9ec;--muted:#a3acb5;\
        --line:#343b43;--accent:#4ea8e8}}
        *{box-sizing:border-box}
        body{margin:0;background:var(--paper);color:var(--ink);\
        font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}
        main{max-width:1180px;margin:0 auto;padding:20px 16px 48px}
        h1{font-size:1.5rem;line-height:1.25;margin:.2em 0 .4em;overflow-wrap:anywhere}
        h2{font-size:1.15rem;margin:0 0 .6em}
        h3{font-size:1rem;margin:1.2em 0 .4em;overflow-wrap:anywhere}
        p{margin:.4em 0 .8em;max-width:75ch}
        section,header{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px;\
        margin:0 0 16px}
        .muted,.missing{color:var(--muted)}
        .missing{border-left:3px solid var(--line);padding-left:10px}
        .facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:12px;margin:12px 0}
        .facts div{min-width:0}
        .facts dt,.facts span{display:block;color:var(--muted);font-size:.8rem}
        .facts b{display:block;font-size:1.25rem;font-weight:600;overflow-wrap:anywhere}
        .charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr));gap:12px;\
        align-items:start}
        .chart,.wide{overflow-x:auto;max-width:100%;min-width:0}
        .chart svg.dp-chart{display:block;width:100%;height:auto;min-width:280px;max-width:680px}
        table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums}
        th,td{padding:5px 10px;border-bottom:1px solid var(--line);text-align:left;vertical-align:top;\
        white-space:nowrap}
        th{color:var(--muted);font-weight:600}
        .number{text-align:right}
        pre,code,.hash{font-family:ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;font-size:.85rem}
        pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--paper);border:1px solid var(--line);\
        border-radius:6px;padding:10px;margin:.4em 0 1em}
        .hash{overflow-wrap:anywhere}
        details{margin:8px 0}
        summary{cursor:pointer;font-weight:600;padding:4px 0;overflow-wrap:anywhere}
        summary:focus-visible{outline:2px solid var(--accent)}

        """
}
