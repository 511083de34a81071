import Autograd
import Testing

@Suite struct OperationGradientTests {
    static let arithmetic: [CheckedFunction] = {
        // Equal shapes, a missing axis, extents 1 on either side, both at once, scalars.
        let pairs: [([Int], [Int])] = [
            ([2, 3], [2, 3]), ([2, 3], [3]), ([3], [2, 3]), ([2, 1], [1, 3]), ([], [2, 2]), ([2, 2], []),
            ([4, 1, 3], [2, 1]), ([1], [2, 3]), ([], []),
        ]
        return pairs.flatMap { a, b in
            [
                CheckedFunction("add", a, b) { try $0[0] + $0[1] },
                CheckedFunction("subtract", a, b) { try $0[0] - $0[1] },
                CheckedFunction("multiply", a, b) { try $0[0] * $0[1] },
                CheckedFunction("divide", a, b) { try $0[0] / $0[1] },
            ]
        }
    }()

    static let withNumbers: [CheckedFunction] = [
        CheckedFunction("−x", [2, 2]) { try -$0[0] },
        CheckedFunction("x + c", [3]) { try $0[0] + 2.5 },
        CheckedFunction("c + x", [3]) { try 2.5 + $0[0] },
        CheckedFunction("x − c", [3]) { try $0[0] - 2.5 },
        CheckedFunction("c − x", [3]) { try 2.5 - $0[0] },
        CheckedFunction("x c", [3]) { try $0[0] * 2.5 },
        CheckedFunction("c x", [3]) { try 2.5 * $0[0] },
        CheckedFunction("x / c", [3]) { try $0[0] / 2.5 },
        CheckedFunction("c / x", [3]) { try 2.5 / $0[0] },
    ]

    static let shapes: [CheckedFunction] = [
        CheckedFunction("matrix product", [3, 4], [4, 2]) { try $0[0].matrixProduct($0[1]) },
        CheckedFunction("matrix product", [1, 4], [4, 1]) { try $0[0].matrixProduct($0[1]) },
        CheckedFunction("matrix times itself", [3, 3]) { try $0[0].matrixProduct($0[0]) },
        CheckedFunction("transpose", [3, 4]) { try $0[0].transpose() },
        CheckedFunction("reshape", [3, 4]) { try $0[0].reshape([2, 1, 6]) },
        CheckedFunction("broadcast", [3, 1]) { try $0[0].broadcast(to: [2, 3, 4]) },
        CheckedFunction("sum of all", [2, 3]) { try $0[0].sum() },
        CheckedFunction("sum over the first axis", [2, 3]) { try $0[0].sum([0]) },
        CheckedFunction("sum over the last axis, kept", [2, 3]) { try $0[0].sum([-1], keepingAxes: true) },
        CheckedFunction("sum over two axes", [2, 3, 4]) { try $0[0].sum([0, 2]) },
        CheckedFunction("mean of all", [2, 3]) { try $0[0].mean() },
        CheckedFunction("mean over the middle axis", [2, 3, 4]) { try $0[0].mean([1]) },
        CheckedFunction("max of all", [2, 3]) { try $0[0].max() },
        CheckedFunction("max over the first axis", [4, 3]) { try $0[0].max([0]) },
        CheckedFunction("max over the last axis, kept", [4, 3]) { try $0[0].max([-1], keepingAxes: true) },
    ]

    static let elements: [CheckedFunction] = [
        CheckedFunction("exp", [2, 3]) { try $0[0].exp() },
        CheckedFunction("log", [2, 3], isOfPositives: true) { try $0[0].log() },
        CheckedFunction("tanh", [2, 3]) { try $0[0].tanh() },
        CheckedFunction("erf", [2, 3]) { try $0[0].erf() },
        CheckedFunction("square", [2, 3]) { try $0[0].power(2) },
        CheckedFunction("cube", [2, 3]) { try $0[0].power(3) },
        CheckedFunction("power 1", [2, 3]) { try $0[0].power(1) },
        CheckedFunction("power 0", [2, 3]) { try $0[0].power(0) },
        CheckedFunction("root", [2, 3], isOfPositives: true) { try $0[0].power(0.5) },
        CheckedFunction("inverse", [2, 3]) { try $0[0].power(-1) },
        CheckedFunction("ReLU", [3, 4]) { try $0[0].relu() },
        CheckedFunction("ELU", [3, 4]) { try $0[0].elu() },
        CheckedFunction("ELU with α = 0.3", [3, 4]) { try $0[0].elu(alpha: 0.3) },
        CheckedFunction("GELU", [3, 4]) { try $0[0].gelu() },
    ]

    static let layers: [CheckedFunction] = [
        CheckedFunction("softmax", [3, 4]) { try $0[0].softmax() },
        CheckedFunction("softmax over columns", [3, 4]) { try $0[0].softmax(axis: 0) },
        CheckedFunction("log of softmax", [3, 4]) { try $0[0].logSoftmax() },
        CheckedFunction("cross-entropy with labels", [3, 4]) { try $0[0].crossEntropy(labels: [2, 0, 3]) },
        CheckedFunction("cross-entropy with targets", [2, 3]) {
            try $0[0].crossEntropy(targets: matrix([0.5, 0.25, 0.25], [0, 0.125, 0.875]))
        },
        CheckedFunction("batch norm", [5, 3], [3], [3]) { try $0[0].batchNorm(gamma: $0[1], beta: $0[2]) },
        CheckedFunction("layer norm", [3, 5], [5], [5]) { try $0[0].layerNorm(gamma: $0[1], beta: $0[2]) },
    ]

    static let usedTwice: [CheckedFunction] = [
        CheckedFunction("x + x", [3]) { try $0[0] + $0[0] },
        CheckedFunction("x ∘ x / (1 + x²)", [3]) { try $0[0] * $0[0] / (1 + $0[0].power(2)) },
        CheckedFunction("a value in three places", [2, 2]) {
            let y = try $0[0].tanh()
            return try y.matrixProduct(y.transpose()) + y.exp() * y.sum()
        },
    ]

    static let all = arithmetic + withNumbers + shapes + elements + layers + usedTwice

    @Test("Gradients equal central differences", arguments: all)
    func gradients(function: CheckedFunction) throws {
        let point = try function.point()
        let error = relativeError(
            try function.gradients(at: point),
            try differences(at: point) { try function.value(at: $0) })
        #expect(error < 1e-6)
    }

    @Test("Gradients of gradients equal central differences of gradients", arguments: all)
    func hessianProducts(function: CheckedFunction) throws {
        let point = try function.point()
        let error = relativeError(
            try function.hessianProduct(at: point).product,
            try differences(at: point) { try function.hessianProduct(at: $0).value })
        #expect(error < 1e-6)
    }

    @Test("A wrong derivative is found by the differences")
    func wrongDerivative() throws {
        let wrong = CheckedFunction("x · x with one x as a constant", [3]) { try $0[0] * $0[0].detached() }
        let point = try wrong.point()
        let numeric = try differences(at: point) { try wrong.value(at: $0) }
        #expect(relativeError(try wrong.gradients(at: point), numeric) > 0.4)
        let slightlyWrong = CheckedFunction("x whose derivative is off by 10⁻⁵", [3]) {
            try $0[0] + ($0[0] - $0[0].detached()) * 1e-5
        }
        let exact = try differences(at: point) { try slightlyWrong.value(at: $0) }
        #expect(relativeError(try slightlyWrong.gradients(at: point), exact) > 1e-6)
    }

    @Test("At its kink ReLU has derivative 0, and ELU α, that from the left")
    func kinks() throws {
        func derivative(_ function: (Value) throws -> Value) throws -> Double {
            let x = Tape().variable("x", Tensor(0))
            return try function(x).backward()[x].tensor.values[0]
        }
        #expect(try derivative { try $0.relu() } == 0)
        #expect(try derivative { try $0.elu(alpha: 0.3) } == 0.3)
        #expect(try derivative { try $0.elu(alpha: 1) } == 1)
    }

    @Test("Equal largest numbers share the gradient of their maximum")
    func equalMaxima() throws {
        let x = Tape().variable("x", Tensor([2, 1, 2]))
        #expect(try x.max().backward()[x].tensor == Tensor([0.5, 0, 0.5]))
    }

    @Test("x⁰ has derivative 0 at 0 too, and x¹ derivative 1")
    func smallPowers() throws {
        for exponent in [0.0, 1.0] {
            let x = Tape().variable("x", Tensor([0, 2]))
            let y = try x.power(exponent).sum()
            #expect(try y.backward()[x].tensor == Tensor([exponent, exponent]))
        }
    }

    @Test("Softmax and cross-entropy of logits whose exponentials overflow stay finite, with their gradients")
    func largeLogits() throws {
        let z = Tape().variable("z", try matrix([1000, 0, -1000]))
        #expect(try z.softmax().tensor == matrix([1, 0, 0]))
        let loss = try z.crossEntropy(labels: [1])
        #expect(loss.tensor.values == [1000])
        #expect(try loss.backward()[z].tensor == matrix([1, -1, 0]))
    }
}
