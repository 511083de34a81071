/// Reads the pickle of a batch of CIFAR: of dictionaries, lists, tuples, strings, integers and arrays of
/// bytes, in the protocols 2 to 5.
///
/// A pickle is a program for a stack machine, and a general reader runs whatever code it names. This one runs
/// none: names outside of ``PickleGlobal`` are refused, and what the five names in it stand for is built
/// here. Its work is bounded by the length of the file, its memory by the number of records that the file has room for.
///
/// Source: the notes on opcodes in Python's `pickletools`; PEP 307, PEP 3154, PEP 574.
struct PickleMachine {
    var input: PickleInput
    var stack: [PickleValue] = []
    private var marks: [Int] = []
    private var memo: [Int: PickleValue] = [:]
    /// Values, marks and remembered values so far: whatever takes memory counts.
    private var cost = 0
    private let costLimit: Int

    private static let deepestNesting = 32

    private init(_ source: any ByteSource, imageBytes: Int) {
        input = PickleInput(source)
        // A record has its bytes of pixels, and a label and a file name, both perhaps remembered: 4 values. Six times as
        // many, and some for small files, keep a hostile one from filling memory.
        costLimit = 100_000 + 24 * (source.size / imageBytes)
    }

    /// Returns what the pickle holds.
    ///
    /// - Throws: `DatasetError` where it is damaged, cut short, or asks for anything else than data.
    static func load(_ source: any ByteSource, imageBytes: Int) throws -> PickleValue {
        var machine = PickleMachine(source, imageBytes: imageBytes)
        try machine.start()
        while true {
            let opcode = try machine.input.byte()
            if opcode == UInt8(ascii: ".") { break }
            try machine.perform(opcode)
        }
        guard machine.marks.isEmpty, machine.stack.count == 1 else {
            throw machine.error(expected: "one value at the end", found: "\(machine.stack.count)")
        }
        return try machine.pop()
    }

    private mutating func start() throws {
        guard input.source.size >= 2 else {
            throw error(expected: "a pickle of protocol 2 to 5", found: "\(input.source.size) bytes")
        }
        let opcode = try input.byte()
        let version = try input.byte()
        guard opcode == 0x80, (2...5).contains(version) else {
            throw error(
                expected: "a pickle of protocol 2 to 5 (bytes 128 and 2 to 5)",
                found: "a file that begins with the bytes \(opcode) and \(version)")
        }
    }

    private mutating func perform(_ opcode: UInt8) throws {
        switch opcode {
        case 0x95: _ = try input.unsigned(bytes: 8)  // FRAME: how far to read ahead

        case UInt8(ascii: "N"): try push(.none)
        case 0x88: try push(.boolean(true))
        case 0x89: try push(.boolean(false))
        case UInt8(ascii: "K"): try push(.integer(Int(try input.byte())))
        case UInt8(ascii: "M"): try push(.integer(Int(try input.unsigned(bytes: 2))))
        case UInt8(ascii: "J"):
            try push(.integer(Int(Int32(truncatingIfNeeded: try input.unsigned(bytes: 4)))))
        case 0x8A: try push(.integer(try longInteger()))

        case UInt8(ascii: "U"), UInt8(ascii: "C"): try pushString(lengthBytes: 1, .raw)
        case UInt8(ascii: "T"), UInt8(ascii: "B"): try pushString(lengthBytes: 4, .raw)
        case 0x8E, 0x96: try pushString(lengthBytes: 8, .raw)
        case 0x8C: try pushString(lengthBytes: 1, .text)
        case UInt8(ascii: "X"): try pushString(lengthBytes: 4, .text)
        case 0x8D: try pushString(lengthBytes: 8, .text)

        case UInt8(ascii: "("):
            try charge()
            marks.append(stack.count)
        case UInt8(ascii: "0"): _ = try pop()
        case UInt8(ascii: "1"): _ = try popToMark()
        case UInt8(ascii: ")"): try pushTuple([])
        case UInt8(ascii: "t"): try pushTuple(try popToMark())
        case 0x85...0x87: try pushTuple(try pop(count: Int(opcode) - 0x84))
        case UInt8(ascii: "]"): try push(.list(PickleContainer()))
        case UInt8(ascii: "}"): try push(.dictionary(PickleContainer()))
        case UInt8(ascii: "a"): try append([try pop()])
        case UInt8(ascii: "e"): try append(try popToMark())
        case UInt8(ascii: "s"): try setItems(try pop(count: 2))
        case UInt8(ascii: "u"): try setItems(try popToMark())

        case UInt8(ascii: "q"): try memoize(Int(try input.byte()))
        case UInt8(ascii: "r"): try memoize(Int(try input.unsigned(bytes: 4)))
        case 0x94: try memoize(memo.count)
        case UInt8(ascii: "h"): try recall(Int(try input.byte()))
        case UInt8(ascii: "j"): try recall(Int(try input.unsigned(bytes: 4)))

        case UInt8(ascii: "c"):
            let module = try input.line()
            try pushGlobal(module: module, name: try input.line())
        case 0x93: try stackGlobal()
        case UInt8(ascii: "R"): try reduce()
        case UInt8(ascii: "b"): try build()

        default:
            throw error(
                expected: "a batch of dictionaries, lists, strings, numbers and numpy arrays",
                found: "the opcode \(opcode)")
        }
    }

    /// A whole number of up to 8 bytes in two's complement.
    private mutating func longInteger() throws -> Int {
        let bytes = Int(try input.byte())
        guard bytes <= 8 else {
            throw error(expected: "an integer of 64 bits", found: "one of \(bytes) bytes")
        }
        guard bytes > 0 else { return 0 }
        let unused = UInt64(64 - 8 * bytes)
        return Int(Int64(bitPattern: try input.unsigned(bytes: bytes) << unused) >> Int64(unused))
    }

    private mutating func pushString(lengthBytes: Int, _ coding: PickleString.Coding) throws {
        try push(.string(try input.string(lengthBytes: lengthBytes, coding: coding)))
    }

    private mutating func pushTuple(_ elements: [PickleValue]) throws {
        let container = PickleContainer()
        container.append(contentsOf: elements)
        try push(.tuple(container))
    }

    private mutating func append(_ values: [PickleValue]) throws {
        guard case .list(let list)? = stack.last, stack.count > marks.last ?? 0 else {
            throw error(expected: "a list to append to", found: stack.last?.kind ?? "nothing")
        }
        list.append(contentsOf: values)
        try checkDepth(list)
    }

    private mutating func setItems(_ values: [PickleValue]) throws {
        guard case .dictionary(let dictionary)? = stack.last, stack.count > marks.last ?? 0 else {
            throw error(expected: "a dictionary to fill", found: stack.last?.kind ?? "nothing")
        }
        guard values.count.isMultiple(of: 2) else {
            throw error(expected: "a value for each key", found: "\(values.count) keys and values")
        }
        dictionary.append(contentsOf: values)
        try checkDepth(dictionary)
    }

    private func checkDepth(_ container: PickleContainer) throws {
        if container.depth > Self.deepestNesting {
            throw error(
                expected: "values nested \(Self.deepestNesting) deep at most", found: "\(container.depth)")
        }
    }

    private mutating func memoize(_ index: Int) throws {
        guard let value = stack.last, stack.count > marks.last ?? 0 else {
            throw error(expected: "a value to remember", found: "an empty stack")
        }
        try charge()
        memo[index] = value
    }

    private mutating func recall(_ index: Int) throws {
        guard let value = memo[index] else {
            throw error(expected: "a value remembered as number \(index)", found: "none")
        }
        // What can still change must not be in two places: the other one would have to change with it, and a
        // list could come to hold itself.
        switch value {
        case .list, .dictionary, .emptyArray:
            throw error(
                expected: "each list, dictionary and array in one place", found: "\(value.kind) in two")
        default: try push(value)
        }
    }

    mutating func push(_ value: PickleValue) throws {
        try charge()
        if value.depth > Self.deepestNesting {
            throw error(
                expected: "values nested \(Self.deepestNesting) deep at most", found: "\(value.depth)")
        }
        stack.append(value)
    }

    private mutating func charge() throws {
        cost += 1
        guard cost <= costLimit else {
            throw error(
                expected: "at most \(costLimit) values in a file of \(input.source.size) bytes", found: "more"
            )
        }
    }

    mutating func pop() throws -> PickleValue {
        guard stack.count > marks.last ?? 0, let value = stack.popLast() else {
            throw error(expected: "a value on the stack", found: "none")
        }
        return value
    }

    private mutating func pop(count: Int) throws -> [PickleValue] {
        guard stack.count - (marks.last ?? 0) >= count else {
            throw error(expected: "\(count) values on the stack", found: "\(stack.count - (marks.last ?? 0))")
        }
        defer { stack.removeLast(count) }
        return Array(stack.suffix(count))
    }

    private mutating func popToMark() throws -> [PickleValue] {
        guard let mark = marks.popLast() else { throw error(expected: "a mark on the stack", found: "none") }
        defer { stack.removeLast(stack.count - mark) }
        return Array(stack[mark...])
    }

    func error(expected: String, found: String) -> DatasetError {
        DatasetError(
            operation: "reading the pickle", location: input.source.location, expected: expected,
            found: "\(found) before byte \(input.position)")
    }
}

/// What the few names allowed in a pickle stand for.
extension PickleMachine {
    mutating func stackGlobal() throws {
        let name = try pop()
        let module = try pop()
        guard case .string(let moduleString) = module, case .string(let nameString) = name,
            let moduleText = try input.text(moduleString), let nameText = try input.text(nameString)
        else {
            throw error(
                expected: "the names of a module and of something in it",
                found: "\(module.kind), \(name.kind)")
        }
        try pushGlobal(module: moduleText, name: nameText)
    }

    mutating func pushGlobal(module: String, name: String) throws {
        guard let global = PickleGlobal(module: module, name: name) else {
            throw error(
                expected: "nothing but data (numpy arrays of bytes, lists, strings)",
                found: "a call for \(printable(module)).\(printable(name)), refused,")
        }
        try push(.global(global))
    }

    /// REDUCE: calls what stands below a tuple of arguments.
    mutating func reduce() throws {
        let arguments = try pop()
        let callee = try pop()
        guard case .tuple(let tuple) = arguments, case .global(let global) = callee else {
            throw error(expected: "a function and its arguments", found: "\(callee.kind), \(arguments.kind)")
        }
        try push(try call(global, tuple.elements))
    }

    private func call(_ global: PickleGlobal, _ arguments: [PickleValue]) throws -> PickleValue {
        switch global {
        case .encode:
            guard arguments.count == 2, case .string(let text) = arguments[0], text.coding == .text,
                case .string(let codec) = arguments[1],
                let codecName = try input.text(codec), ["latin1", "latin-1"].contains(codecName)
            else { throw error(expected: "a text to encode in latin1", found: "something else") }
            return .string(PickleString(offset: text.offset, count: text.count, coding: .latin1InUTF8))
        case .reconstruct:
            guard arguments.count == 3, case .global(.array) = arguments[0] else {
                throw error(expected: "a numpy array to reconstruct", found: "something else")
            }
            return .emptyArray
        case .dataType:
            guard case .string(let code)? = arguments.first else {
                throw error(expected: "the name of a dtype", found: arguments.first?.kind ?? "nothing")
            }
            let name = try input.text(code) ?? "a long name"
            guard ["u1", "|u1", "uint8"].contains(name) else {
                throw error(expected: "an array of bytes (dtype u1)", found: "the dtype \(printable(name))")
            }
            return .byteType
        case .fromBuffer:
            guard arguments.count == 4, case .string(let order) = arguments[3] else {
                throw error(expected: "a buffer, a dtype, a shape and an order", found: "something else")
            }
            return try array(
                shape: arguments[2], type: arguments[1], isColumnMajor: try input.text(order) != "C",
                data: arguments[0])
        case .array:
            throw error(
                expected: "numpy arrays made by _reconstruct or _frombuffer", found: "a call of ndarray")
        }
    }

    /// BUILD: sets the state of what stands below it.
    mutating func build() throws {
        let state = try pop()
        let target = try pop()
        guard case .tuple(let tuple) = state else {
            throw error(expected: "a state in a tuple", found: state.kind)
        }
        switch target {
        case .byteType:
            // Byte order, alignment and such: nothing that matters for single bytes.
            try push(.byteType)
        case .emptyArray:
            let parts = tuple.elements
            guard parts.count == 5, case .boolean(let isColumnMajor) = parts[3] else {
                throw error(
                    expected: "an array's version, shape, dtype, order and data", found: "something else")
            }
            try push(
                try array(shape: parts[1], type: parts[2], isColumnMajor: isColumnMajor, data: parts[4]))
        default:
            throw error(expected: "a numpy array or dtype to set up", found: target.kind)
        }
    }

    private func array(
        shape: PickleValue, type: PickleValue, isColumnMajor: Bool, data: PickleValue
    ) throws -> PickleValue {
        guard case .byteType = type else { throw error(expected: "a dtype of bytes", found: type.kind) }
        guard !isColumnMajor else { throw error(expected: "a row-major array", found: "a column-major one") }
        guard case .tuple(let sizes) = shape else { throw error(expected: "a shape", found: shape.kind) }
        guard case .string(let bytes) = data, bytes.coding != .text else {
            throw error(expected: "an array's bytes", found: data.kind)
        }
        let shape = try sizes.elements.map { size in
            guard case .integer(let size) = size else { throw error(expected: "a size", found: size.kind) }
            return size
        }
        return .array(PickleArray(shape: shape, data: bytes))
    }

    /// A name from a file, safe to show: no control characters.
    private func printable(_ name: String) -> String {
        String(name.unicodeScalars.map { (0x20..<0x7F).contains($0.value) ? Character($0) : "?" })
    }
}
