import Autograd
import Testing

@Suite struct GraphTests {
    @Test("A chain of depth 100,000 is differentiated, printed and freed without overflowing the stack")
    func deepChain() throws {
        weak var freed: Tape?
        do {
            let tape = Tape()
            freed = tape
            let x = tape.variable("x", Tensor(0.5))
            var y = x
            for _ in 0..<100_000 { y = try y + x }
            #expect(try y.backward()[x].tensor == Tensor(100_001))
            #expect(y.graphText.count { $0 == "\n" } == 100_001)
        }
        #expect(freed == nil, "no rule holds its tape")
    }

    @Test("A value that is used along many paths is gone through once, however many the paths")
    func manyPaths() throws {
        let x = Tape().variable("x", Tensor(1))
        var y = x
        // 2⁶⁰ paths.
        for _ in 0..<60 { y = try y + y }
        #expect(try y.backward()[x].tensor == Tensor(0x1p60))
    }

    @Test("Gradients of intermediate values are there too; what the result does not depend on has zeros")
    func intermediates() throws {
        let tape = Tape()
        let (x, other) = (tape.variable("x", Tensor([1, 2])), tape.variable("other", Tensor([1, 2, 3])))
        let y = try x * x
        let gradients = try (y * 3).sum().backward()
        #expect(try gradients[y].tensor == Tensor([3, 3]))
        #expect(try gradients[x].tensor == Tensor([6, 12]))
        #expect(try gradients[other].tensor == Tensor([0, 0, 0]))
    }

    @Test("No gradient flows through a detached value")
    func detached() throws {
        let x = Tape().variable("x", Tensor(3))
        #expect(try (x * x.detached()).backward()[x].tensor == Tensor(3))
    }

    @Test("A seed weighs the numbers of a value that has several")
    func seed() throws {
        let x = Tape().variable("x", Tensor([1, 2]))
        #expect(try (x * x).backward(seed: Tensor([10, 100]))[x].tensor == Tensor([20, 400]))
    }

    @Test("Derivatives of any order: x⁴, eˣ, tanh, the Rosenbrock function's Hessian")
    func higherDerivatives() throws {
        func derivatives(_ order: Int, at point: Double, _ function: (Value) throws -> Value) throws
            -> [Double]
        {
            let x = Tape().variable("x", Tensor(point))
            var y = try function(x)
            return try (0..<order).map { _ in
                y = try y.backward(keepingGraph: true)[x]
                return y.tensor.values[0]
            }
        }
        #expect(try derivatives(4, at: 2) { try $0.power(4) } == [32, 48, 48, 24])
        let exponential = try derivatives(5, at: 1) { try $0.exp() }
        #expect(exponential.allSatisfy { abs($0 - 2.718281828459045) < 1e-14 })
        let y = 0.46211715726000975  // tanh ½
        let expected = [1 - y * y, -2 * y * (1 - y * y), (1 - y * y) * (6 * y * y - 2)]
        for (found, expected) in zip(try derivatives(3, at: 0.5) { try $0.tanh() }, expected) {
            #expect(abs(found - expected) < 1e-14)
        }

        // (1 − x)² + 100 (y − x²)² at (−1, 2): the Hessian is [1200 x² − 400 y + 2, −400 x; −400 x, 200].
        let tape = Tape()
        let (u, v) = (tape.variable("x", Tensor(-1)), tape.variable("y", Tensor(2)))
        let f = try (1 - u).power(2) + 100 * (v - u * u).power(2)
        let gradients = try f.backward(keepingGraph: true)
        #expect(try gradients[u].tensor == Tensor(396))
        #expect(try gradients[v].tensor == Tensor(200))
        let (first, second) = (
            try gradients[u].backward(keepingGraph: true), try gradients[v].backward(keepingGraph: true)
        )
        #expect(
            try [first[u], first[v], second[u], second[v]].map(\.tensor.values) == [
                [402], [400], [400], [200],
            ])
    }

    @Test("The graph is printed as text, operands before what is computed from them")
    func text() throws {
        let tape = Tape()
        let w = tape.variable("w", try matrix([1, 2], [3, 4]))
        let x = tape.constant(try matrix([5], [6]), name: "x")
        _ = try w.exp()
        let y = try w.matrixProduct(x).tanh().sum()
        #expect(
            y.graphText == """
                %0 = variable w: [2, 2]
                %1 = x: [2, 1]
                %3 = matrix product(%0, %1): [2, 1]
                %4 = tanh(%3): [2, 1]
                %5 = sum(%4): [1, 1]
                %6 = reshape(%5): []

                """)
    }

    @Test("The graph is printed in DOT, with names quoted")
    func dot() throws {
        let tape = Tape()
        let x = tape.variable("the \"x\\y\"", Tensor([1, 2]))
        let y = try x * tape.constant(Tensor([3, 4]), name: "c")
        #expect(
            y.graphDOT == """
                digraph {
                  n0 [label="the \\"x\\\\y\\" [2]", shape=box];
                  n1 [label="c [2]", shape=plaintext];
                  n2 [label="multiply [2]", shape=ellipse];
                  n0 -> n2;
                  n1 -> n2;
                }

                """)
    }
}

@Suite struct MisuseTests {
    private let tape = Tape()

    private func expect<Result>(
        _ expected: AutogradError, sourceLocation: SourceLocation = #_sourceLocation,
        _ body: () throws -> Result
    ) {
        #expect(throws: expected, sourceLocation: sourceLocation) { _ = try body() }
    }

    @Test("Shapes that do not fit are named with the operation")
    func shapes() throws {
        let a = tape.variable("a", try numbers(2, 3, stream: 1))
        let b = tape.variable("b", try numbers(2, 2, stream: 2))
        for (name, operation) in [
            ("add", { try a + b }), ("subtract", { try a - b }), ("multiply", { try a * b }),
            ("divide", { try a / b }),
        ] as [(String, () throws -> Value)] {
            expect(
                .shapes(
                    operation: name, found: [[2, 3], [2, 2]], expected: "shapes that broadcast to one"),
                operation)
        }
        #expect(
            AutogradError.shapes(operation: "add", found: [[2, 3], [2]], expected: "this").description
                == "add: expected this, found [2, 3] and [2]")
        #expect(throws: AutogradError.self) { try a.matrixProduct(b) }
        #expect(throws: AutogradError.self) { try a.matrixProduct(tape.constant(Tensor([1, 2, 3]))) }
        #expect(throws: AutogradError.self) { try a.sum().transpose() }
        #expect(throws: AutogradError.self) { try a.reshape([4]) }
        #expect(throws: AutogradError.self) { try a.reshape([-2, -3]) }
        #expect(throws: AutogradError.self) { try a.reshape([.max, 2]) }
        #expect(throws: AutogradError.self) { try a.broadcast(to: [3]) }
        #expect(throws: AutogradError.self) { try a.batchNorm(gamma: b, beta: b) }
        #expect(throws: AutogradError.self) { try a.layerNorm(gamma: b, beta: b) }
        #expect(throws: AutogradError.self) { try a.crossEntropy(labels: [0]) }
        #expect(throws: AutogradError.self) { try a.crossEntropy(targets: Tensor([1, 0])) }
        #expect(throws: AutogradError.self) { try tape.constant(Tensor([])).max() }
    }

    @Test("A tensor has as many values as its shape says")
    func valueCount() {
        expect(.valueCount(shape: [2, 2], found: 3)) { try Tensor(shape: [2, 2], values: [1, 2, 3]) }
        expect(.valueCount(shape: [-1], found: 1)) { try Tensor(shape: [-1], values: [1]) }
        expect(.valueCount(shape: [.max, .max], found: 1)) { try Tensor(shape: [.max, .max], values: [1]) }
    }

    @Test("An axis that is not there, and a label that is no class")
    func axesAndLabels() throws {
        let x = tape.variable("x", try numbers(2, 3, stream: 1))
        expect(.axis(operation: "sum", axis: 2, shape: [2, 3])) { try x.sum([2]) }
        expect(.axis(operation: "max", axis: -3, shape: [2, 3])) { try x.max([-3]) }
        expect(.label(3, row: 1, classes: 3)) { try x.crossEntropy(labels: [0, 3]) }
        expect(.label(-1, row: 0, classes: 3)) { try x.crossEntropy(labels: [-1, 0]) }
    }

    @Test("Values of two tapes have no result, and no gradient for one another")
    func otherTape() throws {
        let (x, y) = (tape.variable("x", Tensor(1)), Tape().variable("y", Tensor(2)))
        expect(.otherTape(operation: "add")) { try x + y }
        let gradients = try (x * x).backward()
        expect(.otherTape(operation: "gradient")) { try gradients[y] }
    }

    @Test("A gradient for or of what depends on no variable")
    func noGradientWanted() throws {
        let (x, c) = (tape.variable("x", Tensor(1)), tape.constant(Tensor(2), name: "c"))
        expect(.noGradientWanted(value: "exp")) { try c.exp().backward() }
        let gradients = try (x * c).backward()
        expect(.noGradientWanted(value: "c")) { try gradients[c] }
        // A gradient of a graph that was not kept is a number like any other.
        let gradient = try gradients[x]
        #expect(throws: AutogradError.self) { try gradient.backward() }
    }

    @Test("Several numbers need a seed, and one of their shape")
    func seeds() throws {
        let x = tape.variable("x", Tensor([1, 2]))
        let y = try x.exp()
        expect(.seedNeeded(shape: [2])) { try y.backward() }
        expect(.shapes(operation: "backward", found: [[1]], expected: "a seed of shape [2]")) {
            try y.backward(seed: Tensor([1]))
        }
        #expect(
            try y.backward(seed: Tensor([1, 0]))[x].tensor.values[1] == 0, "neither has used the graph up")
    }

    @Test("A second backward pass through one graph, or through a part of it, unless the graph is kept")
    func backwardTwice() throws {
        let x = tape.variable("x", Tensor(2))
        let shared = try x.exp()
        let (y, z) = (try shared * 2, try shared + 1)
        _ = try y.backward()
        expect(.backwardTwice(value: "multiply by 2.0")) { try y.backward() }
        expect(.backwardTwice(value: "exp")) { try z.backward() }
        #expect(try (x * x).backward()[x].tensor == Tensor(4), "the variable may be used in another graph")

        let kept = try x.power(3)
        #expect(try kept.backward(keepingGraph: true)[x].tensor == Tensor(12))
        #expect(try kept.backward()[x].tensor == Tensor(12), "nothing is added to the first gradient")
        expect(.backwardTwice(value: "power 3.0")) { try kept.backward() }
    }
}
