/// What cannot be computed or differentiated, and why.
public enum AutogradError: Error, Hashable, CustomStringConvertible {
    /// A tensor of this shape holds another number of values than these.
    case valueCount(shape: [Int], found: Int)
    /// An operation on operands of shapes that it has no meaning for.
    case shapes(operation: String, found: [[Int]], expected: String)
    /// An axis that a tensor of this shape does not have.
    case axis(operation: String, axis: Int, shape: [Int])
    /// A label that is none of the classes.
    case label(Int, row: Int, classes: Int)
    /// Values of different tapes in one operation.
    case otherTape(operation: String)
    /// A gradient of or for a value that depends on no variable.
    case noGradientWanted(value: String)
    /// A backward pass from more than one number, without what to weigh them by.
    case seedNeeded(shape: [Int])
    /// A second backward pass through operations that an earlier one has used up.
    case backwardTwice(value: String)

    /// Names the operation, what was expected, and what was found.
    public var description: String {
        switch self {
        case .valueCount(let shape, let found):
            "a tensor of shape \(shape): expected as many values as its extents' product, found \(found)"
        case .shapes(let operation, let found, let expected):
            "\(operation): expected \(expected), found \(found.map { "\($0)" }.joined(separator: " and "))"
        case .axis(let operation, let axis, let shape):
            "\(operation): expected an axis in \(-shape.count)..<\(shape.count) of shape \(shape), found \(axis)"
        case .label(let label, let row, let classes):
            "cross-entropy: expected a label in 0..<\(classes) in row \(row), found \(label)"
        case .otherTape(let operation):
            "\(operation): expected values of one tape, found values of two"
        case .noGradientWanted(let value):
            "gradient: expected a value that depends on a variable, found \(value), which depends on none"
        case .seedNeeded(let shape):
            "backward: expected a single number, or a seed of the value's shape, found shape \(shape) without a seed"
        case .backwardTwice(let value):
            "backward: expected a graph that no backward pass has gone through, found \(value), which one has;"
                + " the first must be told to keep the graph"
        }
    }
}
