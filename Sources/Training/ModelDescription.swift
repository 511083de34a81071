internal import DataParallel
internal import MLPEngine

/// A model in a line, as in `3072 → 128 → 10, ELU(1), batch norm (sync)`.
struct ModelDescription: CustomStringConvertible {
    let description: String

    init(_ configuration: TrainingConfiguration) {
        let model = configuration.model
        let widths = [model.inputs] + model.hiddenDimensions + [model.classes]
        var parts = [widths.map(String.init).joined(separator: " → ")]
        if model.hiddenDimensions.isEmpty {
            parts.append("logistic regression")
        } else {
            switch model.activation {
            case .elu(let alpha):
                parts.append("ELU(\(TrainingConfiguration.text(alpha)))")
            case .relu: parts.append("ReLU")
            case .tanh: parts.append("Tanh")
            }
            if configuration.batchNorm != .none {
                parts.append("batch norm (\(configuration.batchNorm.rawValue))")
            }
            if model.residual { parts.append("residual") }
        }
        description = parts.joined(separator: ", ")
    }
}
