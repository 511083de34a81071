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
