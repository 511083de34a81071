import MLPEngine
import MLPReference
import Synchronization
import TensorTestSupport
import Tensors
import Testing

/// Packed products shared out to threads, against the textbook's.
@Suite struct PackedProductsTests {
    /// The second network has products large enough for threads.
    static let networks = [
        MLPConfiguration(inputs: 7, hiddenDimensions: [6, 5], classes: 3),
        MLPConfiguration(inputs: 771, hiddenDimensions: [65, 130], classes: 33, residual: true),
        MLPConfiguration(inputs: 300, hiddenDimensions: [], classes: 200),
    ]
    static let batch = 61

    private struct Setting<Scalar: TensorScalar>: ~Copyable {
        let scratch = Scratch(seed: 5)
        let network: Sequential
        let parameters: Vector<Scalar>
        let packed: Vector<Scalar>
        let products: PackedProducts<Scalar>

        init(_ configuration: MLPConfiguration, threads: Int, packing: Bool = true) throws {
            network = MLP(configuration).network
            parameters = scratch.normals(network.parameterLayout.count, stream: 1)
            packed = scratch.unset(PackedProducts<Scalar>.weightCount(of: network))
            products = try PackedProducts(
                network, batch: batch, weights: packed, team: WorkerTeam(threadCount: threads))
            if packing { products.packWeights(parameters) }
        }
    }

    private func checkPasses<Scalar: TensorScalar>(
        _ configuration: MLPConfiguration, threads: Int, as type: Scalar.Type
    ) throws {
        let setting = try Setting<Scalar>(configuration, threads: threads)
        #expect(setting.products.team.threadCount == threads)
        let textbook = TextbookProducts<Scalar>()
        for (index, module) in setting.network.linears.enumerated() {
            let x: Matrix<Scalar> = setting.scratch.normals(batch, module.inputs, stream: 2 * index + 2)
            let dy: Matrix<Scalar> = setting.scratch.normals(batch, module.outputs, stream: 2 * index + 3)
            // Fewer rows than the batch are a pass too.
            for rows in [0..<batch, 3..<4, 20..<57] {
                let (y, own): (Matrix<Scalar>, Matrix<Scalar>) = (
                    setting.scratch.unset(rows.count, module.outputs),
                    setting.scratch.unset(rows.count, module.outputs)
                )
                setting.products.forward(
                    module, .numbers(x[rows: rows]), parameters: setting.parameters, into: y)
                textbook.forward(
                    module, .numbers(x[rows: rows]), parameters: setting.parameters, into: own)
                #expect(y.vector.array == own.vector.array, "forward, module \(index), \(rows)")
                guard index > 0 else { continue }
                let (dx, ownDx): (Matrix<Scalar>, Matrix<Scalar>) = (
                    setting.scratch.unset(rows.count, module.inputs),
                    setting.scratch.unset(rows.count, module.inputs)
                )
                setting.products.inputGradient(
                    of: module, dy: dy[rows: rows], parameters: setting.parameters, into: dx)
                textbook.inputGradient(
                    of: module, dy: dy[rows: rows], parameters: setting.parameters, into: ownDx)
                #expect(dx.vector.array == ownDx.vector.array, "backward, module \(index), \(rows)")
            }
        }
    }

    private var batch: Int { Self.batch }

    @Test(
        "Outputs and input gradients have the bits of the textbook's, on any number of threads",
        arguments: networks, [1, 2, 3])
    func passes(configuration: MLPConfiguration, threads: Int) throws {
        try checkPasses(configuration, threads: threads, as: Float.self)
        try checkPasses(configuration, threads: threads, as: Double.self)
    }

    private func checkGradients<Scalar: TensorScalar>(
        _ configuration: MLPConfiguration, threads: Int, as type: Scalar.Type
    ) throws {
        let setting = try Setting<Scalar>(configuration, threads: threads)
        for (index, module) in setting.network.linears.enumerated() {
            let shape = "\(index), [\(module.outputs), \(module.inputs)]"
            let dy: Matrix<Scalar> = setting.scratch.normals(batch, module.outputs, stream: 2)
            let x: Matrix<Scalar> = setting.scratch.normals(batch, module.inputs, stream: 3)
            let own: Matrix<Scalar> = setting.scratch.unset(module.outputs, module.inputs)
            TextbookProducts<Scalar>().weightGradient(
                of: module, x: .numbers(StridedMatrix(x)), dy: StridedMatrix(dy), into: own)
            let expected = own.vector.array

            let gradient: Matrix<Scalar> = setting.scratch.unset(module.outputs, module.inputs)
            setting.products.weightGradient(
                of: module, x: FactorInput(.numbers(x)), dy: StridedMatrix(dy), into: gradient)
            #expect(gradient.vector.array == expected, "whole, \(shape)")

            // The factors as columns of one wide matrix, and some panels at a time.
            let record: Matrix<Scalar> = setting.scratch.unset(batch, module.inputs + module.outputs + 3)
            let factors = (
                dy: StridedMatrix(record, columns: 1..<1 + module.outputs),
                x: StridedMatrix(record, columns: module.outputs + 2..<module.outputs + 2 + module.inputs)
            )
            factors.dy.copy(from: dy)
            factors.x.copy(from: x)
            let panels = PackedMatrix<Scalar>.panelCount(module.inputs)
            let width = PackedMatrix<Scalar>.panelWidth
            for step in [1, 2, panels] {
                gradient.vector.fill(.nan)
                let target = gradient
                for first in stride(from: 0, to: panels, by: step) {
                    let seen = Mutex<[Range<Int>]>([])
                    let end = min(first + step, panels)
                    setting.products.weightGradient(
                        of: module, x: .numbers(factors.x), dy: factors.dy, panels: first..<end
                    ) { columns, part in
                        seen.withLock { $0.append(columns) }
                        StridedMatrix(target, columns: columns).copy(from: part)
                    }
                    let ranges = seen.withLock { $0 }.sorted { $0.lowerBound < $1.lowerBound }
                    #expect(
                        ranges.flatMap(Array.init)
                            == Array(first * width..<min(end * width, module.inputs)))
                    #expect(ranges.allSatisfy { $0.count <= 8 * PackedMatrix<Scalar>.panelWidth })
                }
                #expect(gradient.vector.array == expected, "\(step) panels, \(shape)")
            }
        }
    }

    @Test(
        "Weight gradients have the bits of the textbook's, whole or by panels, on any number of threads",
        arguments: networks, [1, 2, 3])
    func weightGradients(configuration: MLPConfiguration, threads: Int) throws {
        try checkGradients(configuration, threads: threads, as: Float.self)
        try checkGradients(configuration, threads: threads, as: Double.self)
    }

    @Test(
        "Pixels give the bits of the numbers they stand for, forward and in the gradient",
        arguments: [1, 2, 3])
    func pixels(threads: Int) throws {
        let setting = try Setting<Float>(Self.networks[1], threads: threads)
        let module = setting.network.linears[0]
        var random = RandomStream(seed: 2, purpose: .testing)
        let bytes = setting.scratch.vector(
            (0..<batch * module.inputs).map { _ in UInt8(random.integer(below: 256)) })
        // Powers of two, so that a byte becomes the same number with one rounding or two.
        let (scale, shift): (Vector<Float>, Vector<Float>) = (
            setting.scratch.vector([0.25, 0.5, 0.125]), setting.scratch.vector([-16, 8, 4])
        )
        let pixels = PixelMatrix(
            bytes.matrix(rows: batch, columns: module.inputs), scale: scale, shift: shift)
        let x = setting.scratch.vector(
            (0..<bytes.count).map {
                Float(bytes[$0]) * scale[$0 % module.inputs / pixels.channelSize]
                    + shift[$0 % module.inputs / pixels.channelSize]
            }
        ).matrix(rows: batch, columns: module.inputs)
        func run(_ input: BatchInput<Float>) -> ([Float], [Float]) {
            #expect(input.rows == batch && input.columns == module.inputs)
            let y: Matrix<Float> = setting.scratch.unset(batch - 4, module.outputs)
            setting.products.forward(module, input[rows: 4..<batch], parameters: setting.parameters, into: y)
            let dy: Matrix<Float> = setting.scratch.normals(batch, module.outputs, stream: 3)
            let gradient: Matrix<Float> = setting.scratch.unset(module.outputs, module.inputs)
            setting.products.weightGradient(
                of: module, x: FactorInput(input), dy: StridedMatrix(dy), into: gradient)
            return (y.vector.array, gradient.vector.array)
        }
        #expect(run(.pixels(pixels)) == run(.numbers(x)))
    }

    @Test(
        "Weight gradients with pixels in integers need no forward pass, on any number of threads",
        arguments: [1, 2, 3])
    func gradientOfIntegers(threads: Int) throws {
        let network = MLP(
            MLPConfiguration(inputs: 96, hiddenDimensions: [33], classes: 4, activation: .relu)
        ).network
        let module = network.linears[0]
        let scratch = Scratch(seed: 8)
        let slots = Int8Weights.slotCount(rows: 33, columns: 96)
        let weights = Int8Weights(
            rows: 33, columns: 96, channels: 3, slices: 3,
            packed: scratch.vector(
                [Int8](repeating: 0, count: Int8Weights.packedCount(rows: 33, columns: 96, slices: 3))),
            maxima: scratch.vector([Float](repeating: 0, count: slots)),
            sums: scratch.vector([Int32](repeating: 0, count: slots)))
        let numbers: Vector<Float> = scratch.unset(PackedProducts<Float>.weightCount(of: network, slices: 3))
        let products = try Int8Products(
            network, batch: batch, weights: numbers, int8: weights, team: WorkerTeam(threadCount: threads))
        var random = RandomStream(seed: 4, purpose: .testing)
        let bytes = scratch.vector((0..<batch * 96).map { _ in UInt8(random.integer(below: 256)) })
        let pixels = PixelMatrix<Float>(
            bytes.matrix(rows: batch, columns: 96), scale: scratch.vector([0.02, 0.03, 0.01]),
            shift: scratch.vector([-2, -1, -3]))
        let dy: Matrix<Float> = scratch.normals(batch, 33, stream: 3)
        let gradient: Matrix<Float> = scratch.unset(33, 96)
        products.weightGradient(of: module, x: .pixels(pixels), dy: StridedMatrix(dy), into: gradient)
        for output in 0..<33 {
            for input in 0..<96 {
                var sum = 0.0
                for row in 0..<batch {
                    let plane = input / 32
                    let x = Double(bytes[row * 96 + input]) * Double(pixels.scale[plane])
                    sum += (x + Double(pixels.shift[plane])) * Double(dy[row, output])
                }
                #expect(abs(Double(gradient[output, input]) - sum) < 1e-4)
            }
        }
    }

    @Test("Weights packed again column range by column range are those packed whole", arguments: networks)
    func packing(configuration: MLPConfiguration) throws {
        let whole = try Setting<Float>(configuration, threads: 1)
        let pieces = try Setting<Float>(configuration, threads: 1, packing: false)
        #expect(pieces.packed.array.allSatisfy { $0.isNaN })
        for module in pieces.network.linears {
            for first in stride(from: 0, to: module.inputs, by: 50) {
                pieces.products.weightsChanged(
                    of: module, pieces.parameters, columns: first..<min(first + 50, module.inputs))
            }
        }
        #expect(pieces.packed.array == whole.packed.array)

        // A change that is packed shows, and only where it is packed.
        let module = whole.network.linears[0]
        whole.parameters[module.weight].fill(0)
        whole.products.weightsChanged(of: module, whole.parameters, columns: 1..<module.inputs)
        let x = whole.scratch.vector([Float](repeating: 1, count: module.inputs)).matrix(
            rows: 1, columns: module.inputs)
        let y: Matrix<Float> = whole.scratch.unset(1, module.outputs)
        whole.products.forward(module, .numbers(x), parameters: whole.parameters, into: y)
        for output in 0..<module.outputs {
            let first = pieces.parameters[module.weight.lowerBound + output * module.inputs]
            #expect(y[0, output] == first + whole.parameters[module.bias.lowerBound + output])
        }
    }

    @Test("Evaluation with packed weights gives the bits of evaluation without", arguments: networks)
    func evaluation(configuration: MLPConfiguration) throws {
        let setting = try Setting<Float>(configuration, threads: 2)
        let mlp = MLP(configuration)
        let x: Matrix<Float> = setting.scratch.normals(batch, configuration.inputs, stream: 2)
        let labels = setting.scratch.vector((0..<batch).map { Int32($0 % configuration.classes) })
        let workspace = try Workspace<Float>(for: mlp.network, capacity: batch)
        func evaluate(_ products: any MatrixProducts<Float>) throws -> BatchLoss {
            try mlp.evaluate(
                .numbers(x), targets: .labels(labels), parameters: setting.parameters,
                runningStatistics: setting.scratch.unset(0), workspace: workspace, products: products)
        }
        #expect(try evaluate(setting.products) == evaluate(TextbookProducts()))
    }

    @Test("Some panels' columns come with room for their gradient, every column once", arguments: [1, 2, 3])
    func groups(threads: Int) throws {
        let setting = try Setting<Float>(Self.networks[1], threads: threads)
        let module = setting.network.linears[0]
        let columns = Mutex<[Int]>([])
        setting.products.forEachGroup(of: module, panels: 1..<25) { range, room in
            #expect(room.rows == module.outputs && room.columns == range.count)
            room.vector.fill(Float(range.lowerBound))
            columns.withLock { $0 += range }
        }
        #expect(columns.withLock { $0 }.sorted() == Array(32..<module.inputs))
    }

    @Test(
        "OpenBLAS computes the same products but for rounding, of numbers and of pixels", arguments: [1, 2])
    func library(threads: Int) throws {
        let setting = try Setting<Float>(Self.networks[1], threads: 1)
        let network = setting.network
        let scratch = Scratch(seed: 6)
        let library = try BLASProducts(network, batch: batch, team: WorkerTeam(threadCount: threads))
        var random = RandomStream(seed: 2, purpose: .testing)
        for linear in network.linears {
            let bytes = scratch.vector(
                (0..<batch * linear.inputs).map { _ in UInt8(random.integer(below: 256)) })
            let pixels = PixelMatrix<Float>(
                bytes.matrix(rows: batch, columns: linear.inputs), scale: scratch.vector([0.02]),
                shift: scratch.vector([-2]))
            let x: Matrix<Float> = scratch.normals(batch, linear.inputs, stream: 2 * linear.index)
            let dy: Matrix<Float> = scratch.normals(batch, linear.outputs, stream: 2 * linear.index + 1)
            func results(_ products: any MatrixProducts<Float>, _ x: BatchInput<Float>) -> [[Float]] {
                let (y, dx, dw): (Matrix<Float>, Matrix<Float>, Matrix<Float>) = (
                    scratch.unset(batch, linear.outputs), scratch.unset(batch, linear.inputs),
                    scratch.unset(linear.outputs, linear.inputs)
                )
                products.forward(linear, x, parameters: setting.parameters, into: y)
                if !linear.readsBatch {
                    products.inputGradient(of: linear, dy: dy, parameters: setting.parameters, into: dx)
                }
                products.weightGradient(of: linear, x: FactorInput(x), dy: StridedMatrix(dy), into: dw)
                return [y.vector.array, linear.readsBatch ? [] : dx.vector.array, dw.vector.array]
            }
            for input in [BatchInput.numbers(x), .pixels(pixels)] {
                let pairs = zip(results(library, input), results(setting.products, input))
                for (found, expected) in pairs {
                    let size = expected.map(abs).max() ?? 0
                    let worst = zip(found, expected).map { abs($0 - $1) }.max() ?? 0
                    #expect(found.count == expected.count && worst <= 1e-5 * size, "\(linear.index)")
                }
            }
        }
    }
}
