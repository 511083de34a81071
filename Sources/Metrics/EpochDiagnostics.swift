/// What is recorded after an epoch of the inside of a model, where a run is asked for it: a line of `diagnostics.jsonl`.
///
/// All but ``seconds`` are the same bits on any number of ranks.
public struct EpochDiagnostics: Codable, Sendable, Equatable {
    /// The epoch, from 1: epochs completed, this one included.
    public var epoch: Int
    /// Steps completed since the beginning of the run.
    public var step: Int
    /// The outputs of the layers on the validation records, from the input on.
    public var layers: [LayerDiagnostics]
    /// The parameters, in the order of the network.
    public var tensors: [TensorDiagnostics]
    /// The predictions on the validation records; nil if there are none.
    public var confusion: ConfusionMatrix?
    /// How long rank 0 was in each phase of the epoch's steps, in seconds.
    public var seconds: [PhaseSeconds]

    /// Gathers the record of an epoch.
    public init(
        epoch: Int, step: Int, layers: [LayerDiagnostics], tensors: [TensorDiagnostics],
        confusion: ConfusionMatrix?, seconds: [PhaseSeconds]
    ) {
        self.epoch = epoch
        self.step = step
        self.layers = layers
        self.tensors = tensors
        self.confusion = confusion
        self.seconds = seconds
    }
}

/// The outputs of a layer on the validation records, in evaluation.
public struct LayerDiagnostics: Codable, Sendable, Equatable {
    /// PyTorch's name of the layer, such as `layers.1`.
    public var name: String
    /// What it is, such as `linear` or `ELU(1)`.
    public var kind: String
    /// The mean over records and units.
    public var mean: Double
    /// The variance over records and units.
    public var variance: Double
    /// Of an activation, the share of units whose derivative is below 0.01 for every record, 0 to 1; nil of other layers.
    public var deadUnits: Double?
    /// The outputs, counted.
    public var histogram: Histogram

    /// Gathers what there is of a layer.
    public init(
        name: String, kind: String, mean: Double, variance: Double, deadUnits: Double?, histogram: Histogram
    ) {
        self.name = name
        self.kind = kind
        self.mean = mean
        self.variance = variance
        self.deadUnits = deadUnits
        self.histogram = histogram
    }
}

/// A tensor of parameters.
public struct TensorDiagnostics: Codable, Sendable, Equatable {
    /// PyTorch's name, such as `layers.0.weight`.
    public var name: String
    /// ‖w‖₂ after the epoch.
    public var norm: Double
    /// ‖∂L/∂w‖₂ after the epoch, of the mean loss over a fixed sample of training records.
    public var gradientNorm: Double
    /// ‖Δw‖₂ of the epoch's last step.
    public var updateNorm: Double
    /// The entries of w, counted.
    public var histogram: Histogram

    /// Gathers what there is of a tensor.
    public init(
        name: String, norm: Double, gradientNorm: Double, updateNorm: Double, histogram: Histogram
    ) {
        self.name = name
        self.norm = norm
        self.gradientNorm = gradientNorm
        self.updateNorm = updateNorm
        self.histogram = histogram
    }
}

/// Numbers, counted in bins of equal width.
public struct Histogram: Codable, Sendable, Hashable {
    /// The smallest number; the first bin begins here.
    public var minimum: Double
    /// The largest number; the last bin ends here.
    public var maximum: Double
    /// How many numbers lie in each bin.
    public var counts: [Int]

    /// Gathers counts.
    public init(minimum: Double, maximum: Double, counts: [Int]) {
        self.minimum = minimum
        self.maximum = maximum
        self.counts = counts
    }
}

/// How long something was in a phase.
public struct PhaseSeconds: Codable, Sendable, Equatable {
    /// The phase, as in `forward`.
    public var name: String
    /// Seconds.
    public var seconds: Double

    /// So many seconds of a phase.
    public init(name: String, seconds: Double) {
        self.name = name
        self.seconds = seconds
    }
}
