/// Everything that was computed, in order: for each value its operation, its operands and its numbers. Reverse-mode automatic
/// differentiation in double precision, for small tensors, to be read rather than to be fast.
///
///     let tape = Tape()
///     let x = tape.variable("x", Tensor([1, 2, 3]))
///     let y = try (x * x).sum()
///     let gradients = try y.backward()
///     try gradients[x].tensor  // [2, 4, 6]
///
/// The rules of differentiation are themselves written in recorded operations. With ``Value/backward(seed:keepingGraph:)``
/// told to keep the graph a gradient is therefore a value like any other and can be differentiated again.
public final class Tape {
    /// One derivative of an operation: from ∂L/∂(result) to ∂L/∂(one operand).
    ///
    /// A rule gets the values that it needs and captures none: a value holds its tape, and a tape its rules. It throws
    /// nothing but ``AutogradError``, which the compiler does not infer of closures.
    typealias Rule = (BackwardStep) throws -> Value

    /// A computed value. Operands are places on the tape: no node holds another, so a chain of any length is freed without
    /// recursion.
    struct Node {
        let operation: String
        let operands: [Int]
        let tensor: Tensor
        /// One rule for each operand; none for variables and constants.
        let rules: [Rule]
        /// Whether it depends on a variable.
        let wantsGradient: Bool
        /// Whether a backward pass has gone through it that did not keep the graph.
        var isUsedUp = false
    }

    private(set) var nodes: [Node] = []
    /// Whether what is computed now can be differentiated.
    private var isDifferentiable = true

    /// An empty tape.
    public init() {}

    /// A value that gradients are wanted for.
    public func variable(_ name: String, _ tensor: Tensor) -> Value {
        append(
            Node(operation: name, operands: [], tensor: tensor, rules: [], wantsGradient: true))
    }

    /// A value that gradients are not wanted for.
    public func constant(_ tensor: Tensor, name: String = "constant") -> Value {
        append(
            Node(operation: name, operands: [], tensor: tensor, rules: [], wantsGradient: false))
    }

    /// Records an operation with one rule for each operand.
    func record(
        _ operation: String, _ operands: [Value], _ tensor: Tensor, _ rules: [Rule]
    ) throws(AutogradError) -> Value {
        guard operands.allSatisfy({ $0.tape === self }) else { throw .otherTape(operation: operation) }
        assert(operands.count == rules.count, "\(operation) has a rule for each operand")
        let wantsGradient = isDifferentiable && operands.contains { $0.wantsGradient }
        return append(
            Node(
                operation: operation, operands: operands.map(\.index), tensor: tensor, rules: rules,
                wantsGradient: wantsGradient))
    }

    private func append(_ node: Node) -> Value {
        nodes.append(node)
        return Value(tape: self, index: nodes.count - 1)
    }

    /// What `root` is computed from and `root` itself, operands before what is computed from them: a depth-first search.
    ///
    /// The search keeps its own stack, as the graph may be deeper than the thread's.
    func order(to root: Int, where isWanted: (Node) -> Bool) -> [Int] {
        var order: [Int] = []
        var isVisited = [Bool](repeating: false, count: nodes.count)
        var stack = [(index: root, operandsAreDone: false)]
        while let (index, operandsAreDone) = stack.popLast() {
            if operandsAreDone {
                order.append(index)
            } else if !isVisited[index] {
                isVisited[index] = true
                stack.append((index, true))
                for operand in nodes[index].operands.reversed()
                where !isVisited[operand] && isWanted(nodes[operand]) {
                    stack.append((operand, false))
                }
            }
        }
        return order
    }

    fileprivate func backward(
        from root: Value, seed: Tensor?, keepingGraph: Bool
    ) throws(AutogradError) -> Gradients {
        guard root.wantsGradient else { throw .noGradientWanted(value: root.name) }
        guard seed != nil || root.tensor.values.count == 1 else { throw .seedNeeded(shape: root.shape) }
        let seed = seed ?? Tensor(ofShape: root.shape, [1])
        guard seed.shape == root.shape else {
            throw .shapes(
                operation: "backward", found: [seed.shape], expected: "a seed of shape \(root.shape)")
        }
        let order = order(to: root.index) { $0.wantsGradient }
        if let used = order.last(where: { nodes[$0].isUsedUp }) {
            throw .backwardTwice(value: nodes[used].operation)
        }

        let wasDifferentiable = isDifferentiable
        isDifferentiable = keepingGraph
        defer { isDifferentiable = wasDifferentiable }
        var gradients = [root.index: constant(seed, name: "seed")]
        for index in order.reversed() {
            guard let gradient = gradients[index] else { continue }
            let node = nodes[index]
            let step = BackwardStep(
                operands: node.operands.map { Value(tape: self, index: $0) },
                result: Value(tape: self, index: index), gradient: gradient)
            for (operand, rule) in zip(step.operands, node.rules) where operand.wantsGradient {
                let contribution = try apply(rule, step)
                assert(contribution.shape == operand.shape, "\(node.operation): a gradient of another shape")
                // A value that was used twice gets the sum.
                gradients[operand.index] =
                    if let earlier = gradients[operand.index] {
                        try earlier + contribution
                    } else {
                        contribution
                    }
            }
            if !keepingGraph, !node.operands.isEmpty { nodes[index].isUsedUp = true }
        }
        return Gradients(tape: self, gradients: gradients)
    }

    private func apply(_ rule: Rule, _ step: BackwardStep) throws(AutogradError) -> Value {
        do {
            return try rule(step)
        } catch let error as AutogradError {
            throw error
        } catch {
            preconditionFailure("a rule of \(step.result.name) throws what no operation throws: \(error)")
        }
    }
}

/// What a rule of differentiation may use.
struct BackwardStep {
    /// The operation's operands.
    let operands: [Value]
    /// What the operation computed.
    let result: Value
    /// ∂L/∂(result).
    let gradient: Value
}

/// A value on a ``Tape``: a variable, a constant, or what an operation has computed.
public struct Value {
    /// Where it stands.
    public let tape: Tape
    let index: Int

    /// The numbers.
    public var tensor: Tensor { tape.nodes[index].tensor }
    /// The extents.
    public var shape: [Int] { tensor.shape }
    /// The name of the variable or the constant, or the operation.
    public var name: String { tape.nodes[index].operation }
    /// Whether it depends on a variable.
    public var wantsGradient: Bool { tape.nodes[index].wantsGradient }

    /// A constant with the same numbers, through which no gradient flows.
    public func detached() -> Value { tape.constant(tensor, name: "detached") }

    /// Computes the gradients of everything that this value was computed from.
    ///
    /// Operations are gone through once, from this value back to the variables; what was used several times gets the sum of
    /// its gradients.
    ///
    /// - Parameters:
    ///   - seed: ∂L/∂(this value), of its shape: L is the sum of this value's numbers, each times the seed's. A single number
    ///     needs none.
    ///   - keepingGraph: Whether the gradients can be differentiated themselves, and this value once more. Otherwise another
    ///     backward pass through the same operations is an error.
    /// - Throws: Where the value depends on no variable, needs a seed, or an earlier pass has used the graph up.
    public func backward(
        seed: Tensor? = nil, keepingGraph: Bool = false
    ) throws(AutogradError) -> Gradients {
        try tape.backward(from: self, seed: seed, keepingGraph: keepingGraph)
    }
}

/// What a backward pass has found.
public struct Gradients {
    let tape: Tape
    let gradients: [Int: Value]

    /// ∂L/∂`value`, of the value's shape: zeros if L does not depend on it.
    ///
    /// - Throws: Where the value depends on no variable, or stands on another tape.
    public subscript(value: Value) -> Value {
        get throws(AutogradError) {
            guard value.tape === tape else { throw .otherTape(operation: "gradient") }
            guard value.wantsGradient else { throw .noGradientWanted(value: value.name) }
            return gradients[value.index] ?? tape.constant(value.tensor.map { _ in 0 }, name: "zero")
        }
    }
}
