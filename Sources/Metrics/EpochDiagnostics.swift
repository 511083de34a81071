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

    private enum CodingKeys: String, CodingKey {
        case name, kind, mean, variance, histogram
        case deadUnits = "dead_units"
        case nonFinite = "non_finite"
    }

    /// Reads what ``encode(to:)`` writes.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        name = try values.decode(String.self, forKey: .name)
        kind = try values.decode(String.self, forKey: .kind)
        mean = try values.decodeNumber(.mean, nonFinite: .nonFinite)
        variance = try values.decodeNumber(.variance, nonFinite: .nonFinite)
        deadUnits = try values.decodeIfPresent(Double.self, forKey: .deadUnits)
        histogram = try values.decode(Histogram.self, forKey: .histogram)
    }

    /// Writes it; a number that is not finite as null, with what it was under `non_finite`.
    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(name, forKey: .name)
        try values.encode(kind, forKey: .kind)
        try values.encode([(.mean, mean), (.variance, variance)], nonFinite: .nonFinite)
        try values.encode(deadUnits, forKey: .deadUnits)
        try values.encode(histogram, forKey: .histogram)
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
    /// ‖Δw‖₂ of the epoch's last step; NaN where that was taken before anybody asked for it.
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

    private enum CodingKeys: String, CodingKey {
        case name, norm, histogram
        case gradientNorm = "gradient_norm"
        case updateNorm = "update_norm"
        case nonFinite = "non_finite"
    }

    /// Reads what ``encode(to:)`` writes.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        name = try values.decode(String.self, forKey: .name)
        norm = try values.decodeNumber(.norm, nonFinite: .nonFinite)
        gradientNorm = try values.decodeNumber(.gradientNorm, nonFinite: .nonFinite)
        updateNorm = try values.decodeNumber(.updateNorm, nonFinite: .nonFinite)
        histogram = try values.decode(Histogram.self, forKey: .histogram)
    }

    /// Writes it; a number that is not finite as null, with what it was under `non_finite`.
    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(name, forKey: .name)
        try values.encode(
            [(.norm, norm), (.gradientNorm, gradientNorm), (.updateNorm, updateNorm)], nonFinite: .nonFinite)
        try values.encode(histogram, forKey: .histogram)
    }
}

/// Numbers, counted in bins of equal width. Numbers that are not finite are in none.
public struct Histogram: Codable, Sendable, Hashable {
    /// The smallest number; the first bin begins here.
    public var minimum: Double
    /// The largest number; the last bin ends here.
    public var maximum: Double
    /// How many numbers lie in each bin: of equal width from minimum to maximum, the last with its upper end. All lie in the
    /// first where minimum and maximum are one.
    public var counts: [Int]

    /// Gathers counts.
    public init(minimum: Double, maximum: Double, counts: [Int]) {
        self.minimum = minimum
        self.maximum = maximum
        self.counts = counts
    }

    /// No numbers yet, in so many bins; 0 stands for ends that are not finite, where there is no number to come.
    public init(from minimum: Double, to maximum: Double, bins: Int) {
        let isFinite = minimum.isFinite && maximum.isFinite
        self.init(
            minimum: isFinite ? minimum : 0, maximum: isFinite ? maximum : 0,
            counts: Array(repeating: 0, count: bins))
    }

    /// Counts numbers that lie from minimum to maximum.
    public mutating func add(_ numbers: some Sequence<Float>) {
        let (first, width, last) = (minimum, maximum - minimum, counts.count - 1)
        for number in numbers where number.isFinite {
            let place = width > 0 ? (Double(number) - first) / width * Double(counts.count) : 0
            counts[min(max(Int(place), 0), last)] += 1
        }
    }

    /// All numbers that were counted.
    public var total: Int { counts.reduce(0, +) }

    private enum CodingKeys: String, CodingKey { case minimum, maximum, counts }

    /// Reads a histogram.
    ///
    /// - Throws: `DecodingError`, also for counts that nobody counted.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        minimum = try values.decode(Double.self, forKey: .minimum)
        maximum = try values.decode(Double.self, forKey: .maximum)
        counts = try values.decode([Int].self, forKey: .counts)
        guard minimum <= maximum, counts.allSatisfy({ (0...ConfusionMatrix.largestCount).contains($0) })
        else {
            throw DecodingError.dataCorruptedError(
                forKey: .counts, in: values, debugDescription: "no numbers are counted so")
        }
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

extension KeyedEncodingContainer {
    /// Writes numbers; those that are not finite as null, with what they were in an object under `nonFinite`.
    fileprivate mutating func encode(_ numbers: [(key: Key, value: Double)], nonFinite: Key) throws {
        var words: [String: String] = [:]
        for (key, value) in numbers {
            try encode(value.isFinite ? value : nil, forKey: key)
            if !value.isFinite { words[key.stringValue] = "\(value)" }
        }
        if !words.isEmpty { try encode(words, forKey: nonFinite) }
    }
}

extension KeyedDecodingContainer {
    /// Reads a number so written.
    fileprivate func decodeNumber(_ key: Key, nonFinite: Key) throws -> Double {
        if let value = try decodeIfPresent(Double.self, forKey: key) { return value }
        let words = try decodeIfPresent([String: String].self, forKey: nonFinite) ?? [:]
        guard let value = words[key.stringValue].flatMap(Double.init), !value.isFinite else {
            throw DecodingError.valueNotFound(
                Double.self, .init(codingPath: codingPath + [key], debugDescription: "no number"))
        }
        return value
    }
}
