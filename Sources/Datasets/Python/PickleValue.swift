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

/// The elements of a tuple, a list or a dictionary.
///
/// A class, so that appending to what lies on the stack never copies it.
final class PickleContainer {
    private(set) var elements: [PickleValue] = []
    private(set) var depth = 1

    func append(contentsOf values: some Sequence<PickleValue>) {
        for value in values {
            elements.append(value)
            depth = max(depth, value.depth + 1)
        }
    }
}

/// Where a string of a pickle lies.
struct PickleString {
    /// How the bytes in the pickle stand for the bytes of the string.
    enum Coding {
        /// They are the bytes.
        case raw
        /// They are text in UTF-8.
        case text
        /// They are text in UTF-8 whose characters, all below 256, are the bytes (`_codecs.encode(…, 'latin1')`).
        case latin1InUTF8
    }

    /// The offset of its first byte.
    let offset: Int
    /// The number of bytes in the pickle.
    let count: Int
    let coding: Coding
}

/// An array of bytes in a pickle.
struct PickleArray {
    let shape: [Int]
    let data: PickleString
}

/// The names a pickle may refer to; nothing of them is ever run.
enum PickleGlobal: String {
    case reconstruct = "numpy.core.multiarray._reconstruct"
    case fromBuffer = "numpy.core.numeric._frombuffer"
    case array = "numpy.ndarray"
    case dataType = "numpy.dtype"
    case encode = "_codecs.encode"

    /// - Parameters:
    ///   - module: As the pickle has it; numpy 2 has renamed `numpy.core` to `numpy._core`.
    ///   - name: The name within the module.
    init?(module: String, name: String) {
        let renamed = "numpy._core."
        let module = module.hasPrefix(renamed) ? "numpy.core." + module.dropFirst(renamed.count) : module
        self.init(rawValue: module + "." + name)
    }
}
