import Foundation

#if canImport(FoundationXML)
import FoundationXML
#endif

/// A picture, read by a parser of XML.
final class SVGDocument: NSObject, XMLParserDelegate {
    /// An element as it begins.
    struct Element {
        let name: String
        let attributes: [String: String]
    }

    /// All elements, in their order.
    private(set) var elements: [Element] = []
    /// All text between tags.
    private(set) var text = ""
    /// What is wrong with it; nil if nothing is.
    private(set) var problem: String?

    init(_ svg: String) {
        super.init()
        let parser = XMLParser(data: Data(svg.utf8))
        parser.delegate = self
        if !parser.parse() {
            problem = "\(parser.parserError.map { "\($0)" } ?? "?") in line \(parser.lineNumber)"
        }
    }

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String] = [:]
    ) {
        elements.append(Element(name: name, attributes: attributes))
    }

    func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }

    /// The elements of that name.
    func all(_ name: String) -> [Element] { elements.filter { $0.name == name } }

    /// Attributes that hold what is no number where one should be.
    var badNumbers: [String] {
        let texts: Set = ["href", "aria-label", "class"]
        return elements.flatMap { element in
            element.attributes.filter { key, value in
                !texts.contains(key) && (value.contains("nan") || value.contains("inf"))
            }.map { "\(element.name) \($0.key)=\($0.value)" }
        }
    }

    /// The points of a path.
    static func points(of path: Element) -> [(x: Double, y: Double)] {
        (path.attributes["d"] ?? "").split { "MLZ".contains($0) }.compactMap { pair in
            let numbers = pair.split(separator: " ").compactMap { Double($0) }
            return numbers.count == 2 ? (numbers[0], numbers[1]) : nil
        }
    }
}
