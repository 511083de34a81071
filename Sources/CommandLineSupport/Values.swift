public import ArgumentParser
public import Tensors

/// Readers of option values, whose errors say what was expected.
package enum Values {
    package static func wholeNumber(_ text: String) throws -> Int {
        guard let value = Int(text) else { throw ValidationError("expected a whole number") }
        return value
    }

    package static func number(_ text: String) throws -> Double {
        guard let value = Double(text) else { throw ValidationError("expected a number") }
        return value
    }

    package static func widths(_ text: String) throws -> [Int] {
        guard !text.isEmpty else { return [] }
        return try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
            guard let width = Int(part) else {
                throw ValidationError("expected whole numbers with commas between, as in 512,256,128")
            }
            return width
        }
    }
}

extension MatmulPrecision: ExpressibleByArgument {}
