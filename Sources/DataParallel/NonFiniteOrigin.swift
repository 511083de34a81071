internal import Collectives
internal import MLPEngine
internal import Tensors

/// Where in a step numbers first were infinite or none: in which layer, of which rank's rows.
public struct NonFiniteOrigin: Sendable, Hashable {
    /// A part of a step.
    public enum Pass: Sendable, Hashable {
        /// A layer's output.
        case forward
        /// The losses of logits that are finite.
        case loss
        /// The gradient of a linear layer's output, or of a norm's parameters.
        case backward
    }

    /// In which part of the step.
    public let pass: Pass
    /// The layer, such as `layers.2`.
    public let layer: String
    /// The first row of the global batch in which it is so; nil where every row is finite, but not their sum.
    public let row: Int?
    /// The rank whose row that is, in the order of the strategy's ranks.
    public let rank: Int?
    /// A parameter of the layer that was not finite before the step, and so is the origin of it all.
    public let parameter: String?
}

/// A place in a step, in the order in which a step comes to it, for ranks to compare: the outputs of layers, the losses, and then
/// tensors from the last to the first.
struct StepPlace: Comparable {
    /// Its number in that order; past all places where there is none.
    var number: Int64 = .max
    /// The row of the global batch; past all rows for none.
    var row: Int64 = .max

    static let none = StepPlace()

    static func output(_ layer: Int, row: Int) -> StepPlace {
        StepPlace(number: Int64(layer), row: Int64(row))
    }

    static func loss(of network: Sequential, row: Int) -> StepPlace {
        StepPlace(number: Int64(network.rows.count), row: Int64(row))
    }

    /// The gradient of the parameter that is the entry with this index.
    static func gradient(_ entry: Int, of network: Sequential, row: Int?) -> StepPlace {
        let places = network.rows.count + network.parameterLayout.entries.count
        return StepPlace(number: Int64(places - entry), row: row.map { Int64($0) } ?? .max)
    }

    static func < (left: StepPlace, right: StepPlace) -> Bool {
        (left.number, left.row) < (right.number, right.row)
    }

    /// The first place that any rank has found. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - firstRow: Of this rank in the global batch.
    ///   - network: What is trained.
    ///   - communicator: The ranks.
    ///   - isFinite: Whether a parameter is finite.
    /// - Returns: The origin, on all ranks alike; nil if none has found any.
    /// - Throws: The communicator's error.
    func earliest(
        firstRow: Int, of network: Sequential, over communicator: any Communicator,
        isFinite: (ParameterLayout.Entry) -> Bool
    ) throws -> NonFiniteOrigin? {
        let all = try communicator.allgather([number, row, Int64(firstRow)])
        let ranks = 0..<communicator.size
        guard let place = ranks.map({ StepPlace(number: all[3 * $0], row: all[3 * $0 + 1]) }).min(),
            place != .none
        else { return nil }
        let found = place.row == .max ? nil : Int(place.row)
        let rank = found.flatMap { row in ranks.last { all[3 * $0 + 2] <= Int64(row) } }
        let (rows, entries) = (network.rows, network.parameterLayout.entries)
        let index = Int(place.number)
        guard index > rows.count else {
            let layer = index < rows.count ? rows[index] : nil
            return NonFiniteOrigin(
                pass: layer == nil ? .loss : .forward, layer: (layer ?? rows[rows.count - 1]).name,
                row: found,
                rank: rank, parameter: layer?.parameters.first { !isFinite($0) }?.name)
        }
        let entry = entries[rows.count + entries.count - index]
        let layer = rows.first { $0.parameters.contains(entry) }
        return NonFiniteOrigin(
            pass: .backward, layer: layer?.name ?? entry.name, row: found, rank: rank, parameter: nil)
    }
}

extension Vector where Scalar: TensorScalar {
    /// Whether no number is infinite or NaN.
    var isFinite: Bool {
        if let floats = self as? Vector<Float> { return floats.digest().isFinite }
        return buffer.allSatisfy(\.isFinite)
    }
}

extension StridedMatrix where Scalar: TensorScalar {
    /// The first row that holds infinity or NaN.
    var firstNonFiniteRow: Int? {
        (0..<rows).first { !Vector(base: base + $0 * stride, count: columns).isFinite }
    }
}

extension FactorInput {
    /// The first row of ∂L/∂Y that holds infinity or NaN.
    var firstNonFiniteRow: Int? {
        switch self {
        case .numbers(let numbers): numbers.firstNonFiniteRow
        case .bfloat16(let rows):
            (0..<rows.rows).first { row in
                (0..<rows.columns).contains { !rows.number(row, $0).isFinite }
            }
        case .pixels, .bytes: nil
        }
    }
}
