internal import Autograd
internal import DataParallel
internal import Datasets
internal import MLPEngine
internal import Tensors
package import Training

/// The gradient of a network's loss, by three ways that share no code: the engine's hand-derived rules, automatic
/// differentiation of the formulas of the way forward, and differences of the engine's loss.
///
/// The batch are images of the synthetic set at which no activation's input is at a kink. Batch norm takes its statistics
/// over all of them, or with `--batch-norm local` over each of ``localParts`` logical shards.
package struct GradientCheck {
    /// The rows of the batch: with few of them batch norm multiplies rounding errors, layer by layer.
    static let rows = 32
    /// The logical shards of the batch with `--batch-norm local`.
    static let localParts = 4

    /// Autograd's tensors are for reading, not for size.
    private static let mostParameters = 10_000_000
    /// Entries of each tensor, besides the largest, whose differences are taken.
    private static let differencesPerTensor = 8

    /// How far from a kink every input of an activation should be: within rounding errors of it Float would take one side
    /// and Double the other, and both be right.
    private static let kinkDistance = 1e-5
    /// The batches that are looked at for it; then the best of them has to do.
    private static let mostBatches = 16

    private let mlp: MLP
    private let parts: Int
    private let images: [Float]
    private let targets: [Double]
    private let parameters: [Double]

    /// A check of the model of a configuration, with its seed and its label smoothing.
    ///
    /// - Throws: `ConfigurationError` where the model has too many parameters.
    package init(_ configuration: TrainingConfiguration) throws {
        mlp = MLP(configuration.model)
        guard mlp.parameterCount <= Self.mostParameters else {
            throw ConfigurationError(
                "--hidden-dims", found: "\(mlp.parameterCount) of them",
                expected: "a model of at most \(Self.mostParameters) parameters")
        }
        parts = configuration.batchNorm == .local ? Self.localParts : 1
        parameters = Self.parameters(mlp.network.parameterLayout, seed: configuration.seed)
        let dataset = SyntheticDataset(seed: configuration.seed)
        var best = (images: [Float](), targets: [Double](), distance: -Double.infinity)
        for batch in 0..<Self.mostBatches where best.distance < Self.kinkDistance {
            let (images, targets) = try Self.batch(batch, of: dataset, configuration.labelSmoothing)
            var network = try NetworkOnTape(mlp, parameters, parts: parts)
            _ = try network.loss(images, targets)
            let distance = network.kinkDistance
            if distance > best.distance { best = (images, targets, distance) }
        }
        (images, targets) = (best.images, best.targets)
    }

    /// Images as numbers, and their targets.
    private static func batch(
        _ number: Int, of dataset: SyntheticDataset, _ smoothing: Double
    ) throws -> (images: [Float], targets: [Double]) {
        let records = try dataset.read(.training, records: Array(number * rows..<(number + 1) * rows))
        let bytes = AlignedBuffer<UInt8>(zeroed: records.pixels.count)
        _ = bytes.vector.buffer.update(fromContentsOf: records.pixels)
        let numbers = AlignedBuffer<Float>(zeroed: records.pixels.count)
        let (columns, classes) = (dataset.format.imageBytes, dataset.format.classCount)
        withExtendedLifetime(PixelNormalization<Float>(dataset.format)) { normalization in
            normalization.numbers(bytes.matrix(rows: rows, columns: columns))
                .copy(into: numbers.matrix(rows: rows, columns: columns))
        }
        let targets = records.labels.flatMap { label in
            (0..<classes).map { (Int(label) == $0 ? 1 - smoothing : 0) + smoothing / Double(classes) }
        }
        return (numbers.vector.array, targets)
    }

    /// A run's first parameters, with noise on those that begin as constants: a wrong factor would not show in a γ of 1.
    /// All are Floats, so that both precisions compute with the same ones.
    private static func parameters(_ layout: ParameterLayout, seed: UInt64) -> [Double] {
        let values = AlignedBuffer<Float>(zeroed: layout.count)
        layout.initialize(values.vector, seed: seed)
        for (index, entry) in layout.entries.enumerated() {
            guard case .constant = entry.initialization else { continue }
            var random = RandomStream(seed: seed, purpose: .testing, shard: index)
            for place in entry.range { values.vector[place] += Float(random.normalPair().0 / 4) }
        }
        return values.vector.array.map(Double.init)
    }

    /// Computes the gradients and compares them.
    ///
    /// - Throws: `AllocationError`.
    package func run() throws -> GradientReport {
        let layout = mlp.network.parameterLayout
        var network = try NetworkOnTape(mlp, parameters, parts: parts)
        let loss = try network.loss(images, targets)
        let autograd = try network.gradients(of: loss)
        let double = try EnginePass<Double>(mlp, images, targets, parameters, parts: parts)
        let doubleGradients = try double.gradients()
        let float = try EnginePass<Float>(mlp, images, targets, parameters, parts: parts).gradients()

        var numeric: [Int: Double] = [:]
        let largestOfAll = GradientReport.largest(autograd[...])
        for entry in layout.entries {
            let largest = GradientReport.largest(autograd[entry.range])
            let step = max(1, entry.range.count / Self.differencesPerTensor)
            let places =
                Array(stride(from: entry.range.lowerBound, to: entry.range.upperBound, by: step))
                + entry.range.filter { abs(autograd[$0]) == largest }.prefix(1)
            let scale = GradientReport.scale(largest, ofAll: largestOfAll)
            for place in places where numeric[place] == nil {
                numeric[place] = try double.difference(
                    of: place, near: autograd[place], tolerance: GradientReport.numericBound * scale)
            }
        }
        return GradientReport(
            layout, loss: loss.tensor.values[0], autograd: autograd, numeric: numeric,
            double: doubleGradients, float: float)
    }
}

/// Passes of the engine over the batch of a check.
private final class EnginePass<Scalar: TensorScalar> {
    private let mlp: MLP
    private let x: AlignedBuffer<Scalar>
    private let targets: AlignedBuffer<Scalar>
    private let parameters: AlignedBuffer<Scalar>
    private let gradientBuffer: AlignedBuffer<Scalar>
    private let statistics: AlignedBuffer<Scalar>
    private let packed: AlignedBuffer<Scalar>
    private let workspace: Workspace<Scalar>
    private let products: PackedProducts<Scalar>

    init(
        _ mlp: MLP, _ images: [Float], _ targets: [Double], _ parameters: [Double], parts: Int
    ) throws {
        self.mlp = mlp
        let network = mlp.network
        x = try Self.buffer(images.map(Double.init))
        self.targets = try Self.buffer(targets)
        self.parameters = try Self.buffer(parameters)
        gradientBuffer = try AlignedBuffer(allocating: parameters.count)
        statistics = try AlignedBuffer(allocating: parts * network.statisticsLayout.count)
        packed = try AlignedBuffer(allocating: PackedProducts<Scalar>.weightCount(of: network))
        workspace = try Workspace(for: network, capacity: GradientCheck.rows, parts: parts)
        products = try PackedProducts(
            network, batch: GradientCheck.rows, weights: packed.vector, team: WorkerTeam(threadCount: 1))
        products.packWeights(self.parameters.vector)
    }

    private static func buffer(_ values: [Double]) throws -> AlignedBuffer<Scalar> {
        let buffer = try AlignedBuffer<Scalar>(allocating: values.count)
        for (index, value) in values.enumerated() { buffer.vector[index] = Scalar(value) }
        return buffer
    }

    /// The hand-derived gradients of all parameters.
    func gradients() throws -> [Double] {
        let (pass, logits, _) = try forward()
        try mlp.network.backward(logits, pass)
        return gradientBuffer.vector.array.map { Double($0) }
    }

    /// The mean loss, and ∂L/∂logits in the logits' place.
    private func forward() throws -> (pass: Pass<Scalar>, logits: Matrix<Scalar>, loss: Double) {
        let rows = GradientCheck.rows
        let pass = Pass(
            .numbers(x.matrix(rows: rows, columns: mlp.configuration.inputs)),
            parameters: parameters.vector, workspace: workspace, products: products,
            mode: .training(
                .init(
                    collectives: LocalBatch(
                        gradients: gradientBuffer.vector, synchronizesBatchNorm: workspace.parts == 1),
                    batchStatistics: statistics.matrix(
                        rows: workspace.parts, columns: mlp.network.statisticsLayout.count))))
        let logits = try mlp.network.forward(pass)
        let loss = SoftmaxCrossEntropy().evaluate(
            logits, .probabilities(targets.matrix(rows: rows, columns: mlp.configuration.classes)),
            factor: 1 / Scalar(rows), gradient: logits)
        return (pass, logits, loss.meanLoss)
    }

    /// ∂L/∂(one parameter) by central differences of fourth order.
    ///
    /// A difference that crosses a kink of ReLU or ELU is off although no derivative is; a smaller step crosses fewer. A wrong
    /// derivative is off with every step. So smaller steps are tried until one agrees, and the nearest is the answer.
    func difference(of place: Int, near expected: Double, tolerance: Double) throws -> Double {
        let centre = parameters.vector[place]
        defer { set(place, to: centre) }
        var nearest = Double.infinity
        for step in [1e-3, 1e-4, 1e-5, 1e-6, 1e-7] {
            func loss(_ steps: Double) throws -> Double {
                set(place, to: centre + Scalar(steps * step))
                return try forward().loss
            }
            let (near, far) = (try loss(1) - loss(-1), try loss(2) - loss(-2))
            let difference = (8 * near - far) / (12 * step)
            if abs(difference - expected) < abs(nearest - expected) { nearest = difference }
            if abs(nearest - expected) < tolerance { break }
        }
        return nearest
    }

    private func set(_ place: Int, to value: Scalar) {
        parameters.vector[place] = value
        for linear in mlp.network.linears where linear.weight.contains(place) {
            let column = (place - linear.weight.lowerBound) % linear.inputs
            products.weightsChanged(of: linear, parameters.vector, columns: column..<column + 1)
        }
    }
}

/// An MLP and its loss as operations on a tape, from the formulas of the way forward alone.
private struct NetworkOnTape {
    private let tape = Tape()
    private let configuration: MLPConfiguration
    private let parts: Int
    private var parameters: ArraySlice<Value>
    private var masks = 0

    /// The parameters in the order of the layout.
    private let variables: [Value]
    /// How near to a kink an input of an activation comes.
    private(set) var kinkDistance = Double.infinity

    init(_ mlp: MLP, _ parameters: [Double], parts: Int) throws {
        configuration = mlp.configuration
        self.parts = parts
        let tape = tape
        variables = try mlp.network.parameterLayout.entries.map {
            tape.variable($0.name, try Tensor(shape: $0.shape, values: Array(parameters[$0.range])))
        }
        self.parameters = variables[...]
    }

    /// The mean loss; may be asked for once.
    mutating func loss(_ images: [Float], _ targets: [Double]) throws -> Value {
        let rows = GradientCheck.rows
        let x = tape.constant(
            try Tensor(shape: [rows, configuration.inputs], values: images.map(Double.init)), name: "X")
        return try logits(x).crossEntropy(
            targets: Tensor(shape: [rows, configuration.classes], values: targets))
    }

    /// The gradients of a loss in the order of the layout.
    func gradients(of loss: Value) throws -> [Double] {
        let gradients = try loss.backward()
        return try variables.flatMap { try gradients[$0].tensor.values }
    }

    private mutating func logits(_ x: Value) throws -> Value {
        var x = try drop(configuration.inputDropout, x)
        for _ in configuration.hiddenDimensions {
            x = try hidden(x)
            if configuration.residual { x = try x + linear(hidden(x)) }
        }
        return try linear(x)
    }

    private mutating func hidden(_ x: Value) throws -> Value {
        var x = try linear(x)
        if configuration.batchNorm {
            let (gamma, beta) = (parameters.removeFirst(), parameters.removeFirst())
            x = try parts == 1 ? x.batchNorm(gamma: gamma, beta: beta) : batchNormByPart(x, gamma, beta)
        }
        if configuration.layerNorm {
            x = try x.layerNorm(gamma: parameters.removeFirst(), beta: parameters.removeFirst())
        }
        if configuration.activation.hasKink {
            kinkDistance = x.tensor.values.reduce(kinkDistance) { min($0, abs($1)) }
        }
        x =
            switch configuration.activation {
            case .elu(let alpha): try x.elu(alpha: alpha)
            case .relu: try x.relu()
            case .tanh: try x.tanh()
            case .gelu: try x.gelu()
            }
        return try drop(configuration.dropout, x)
    }

    /// Batch norm of each part of the rows by itself: with the parts as an axis of their own, over the rows of each.
    private func batchNormByPart(_ x: Value, _ gamma: Value, _ beta: Value) throws -> Value {
        let byPart = try x.reshape([parts, x.shape[0] / parts, x.shape[1]])
        let centred = try byPart - byPart.mean([1], keepingAxes: true)
        let variance = try centred.power(2).mean([1], keepingAxes: true)
        return try (centred / (variance + 1e-5).power(0.5)).reshape(x.shape) * gamma + beta
    }

    private mutating func linear(_ x: Value) throws -> Value {
        let (weight, bias) = (parameters.removeFirst(), parameters.removeFirst())
        return try x.matrixProduct(weight.transpose()) + bias
    }

    /// Dropout by the masks of the engine's first step: they are no derivative, and must be the same.
    private mutating func drop(_ probability: Double, _ x: Value) throws -> Value {
        guard probability > 0 else { return x }
        let mask = AlignedBuffer<Double>(repeating: 1, count: x.tensor.values.count)
        Double.dropout(
            x.shape[0], x.shape[1], probability: probability, seed: 0, layer: masks, step: 0, firstRow: 0,
            mask.vector.base)
        masks += 1
        return try x * tape.constant(Tensor(shape: x.shape, values: mask.vector.array), name: "mask")
    }
}

extension Activation {
    /// Whether its derivative jumps at 0.
    fileprivate var hasKink: Bool {
        switch self {
        case .relu: true
        case .elu(let alpha): alpha != 1
        case .tanh, .gelu: false
        }
    }
}
