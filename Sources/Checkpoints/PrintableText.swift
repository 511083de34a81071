/// Text from files, made safe to print: a terminal obeys control characters, and some others change what people read.
public enum PrintableText {
    /// `text` with everything that is not to be seen as it is, line ends included, written as in JSON: `\u001b`.
    public static func line(_ text: String) -> String { escaped(text) { _ in false } }

    /// The same with line ends left as they are, for text of several lines.
    public static func lines(_ text: String) -> String { escaped(text) { $0 == "\n" } }

    private static func escaped(_ text: String, except isKept: (Unicode.Scalar) -> Bool) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned:
                guard !isKept(scalar) else { fallthrough }
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16)
                    result +=
                        ("\\u" + String(repeating: "0", count: 4 - digits.count) + digits).unicodeScalars
                }
            default:
                result.append(scalar)
            }
        }
        return String(result)
    }
}
