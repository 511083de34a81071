/// Where a string of a pickle lies.
struct PickleString {
    /// How the bytes in the pickle stand for the bytes of the string.
    enum Coding {
        /// They are the bytes.
        case raw
        /// They are text in UTF-8.
        case text
        /// They are text in UTF-8 whose characters, all below 256, are the bytes (`_codecs.encode(…,
        /// 'latin1')`).
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
