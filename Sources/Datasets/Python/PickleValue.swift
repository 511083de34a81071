/// What a pickle of a CIFAR-10 batch may be made of.
///
/// Strings are not read but remembered by where they lie, so that a pickle of 31 MB costs no more memory than
/// its labels and names.
enum PickleValue {
    case none
    case boolean(Bool)
    case integer(Int)
    /// A string of bytes or text.
    case string(PickleString)
    case tuple(PickleContainer)
    case list(PickleContainer)
    /// Keys and values by turns.
    case dictionary(PickleContainer)
    case global(PickleGlobal)
    /// `numpy.dtype('u1')`.
    case byteType
    /// `_reconstruct(ndarray, …)` before its state is set.
    case emptyArray
    /// An array of bytes, row-major.
    case array(PickleArray)

    /// How many containers are nested in it, itself included.
    var depth: Int {
        switch self {
        case .tuple(let container), .list(let container), .dictionary(let container): container.depth
        default: 0
        }
    }

    /// What to call it in a message.
    var kind: String {
        switch self {
        case .none: "None"
        case .boolean: "a boolean"
        case .integer: "an integer"
        case .string: "a string"
        case .tuple: "a tuple"
        case .list: "a list"
        case .dictionary: "a dictionary"
        case .global(let global): "the global \(global.rawValue)"
        case .byteType: "a numpy dtype"
        case .emptyArray, .array: "a numpy array"
        }
    }
}
