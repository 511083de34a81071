extension Value {
    /// What this value is computed from, a line for each value, operands before what is computed from them:
    /// `%2 = multiply(%0, %1): [2, 3]`. The numbers are places on the tape; a variable is marked as one.
    public var graphText: String {
        nodes.map { index, node in
            let operands = node.operands.map { "%\($0)" }.joined(separator: ", ")
            let what =
                switch (node.operands.isEmpty, node.wantsGradient) {
                case (true, true): "variable \(node.operation)"
                case (true, false): node.operation
                case (false, _): "\(node.operation)(\(operands))"
                }
            return "%\(index) = \(what): \(node.tensor.shape)\n"
        }.joined()
    }

    /// The same as a graph in the language DOT: variables are boxes, and edges go from operands to results.
    public var graphDOT: String {
        let lines = nodes.flatMap { index, node in
            let name = node.operation.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
            let isVariable = node.operands.isEmpty && node.wantsGradient
            let shape = isVariable ? "box" : node.operands.isEmpty ? "plaintext" : "ellipse"
            return ["  n\(index) [label=\"\(name) \(node.tensor.shape)\", shape=\(shape)];"]
                + node.operands.map { "  n\($0) -> n\(index);" }
        }
        return "digraph {\n\(lines.map { $0 + "\n" }.joined())}\n"
    }

    private var nodes: [(index: Int, node: Tape.Node)] {
        tape.order(to: index) { _ in true }.map { ($0, tape.nodes[$0]) }
    }
}
