/// The fields of a record in the order in which files have them.
///
/// `epoch` and `step` come first: `RecordLine` relies on it.
struct RecordFields {
    let epoch: Int
    let step: Int
    /// Key in files, and value; nil where there is none.
    let numbers: [(key: String, value: Double?)]

    /// One line of JSON without the newline.
    ///
    /// JSON has no NaN and no infinity: such a value is written as null, and `non_finite` says what it was, as in
    /// `"train_loss":null,…,"non_finite":{"train_loss":"nan"}`. A value that is not there is null too.
    var json: String {
        var text = "{\"epoch\":\(epoch),\"step\":\(step)"
        var nonFinite: [String] = []
        for (key, value) in numbers {
            text += ",\"\(key)\":"
            if let value, !value.isFinite { nonFinite.append("\"\(key)\":\"\(value)\"") }
            // Swift writes the shortest decimals that read back as the same number.
            text += value.flatMap { $0.isFinite ? "\($0)" : nil } ?? "null"
        }
        if !nonFinite.isEmpty { text += ",\"non_finite\":{\(nonFinite.joined(separator: ","))}" }
        return text + "}"
    }

    /// One row of CSV without the newline: an empty field where there is no value, `nan`, `inf` or `-inf` where it is not
    /// finite.
    var csv: String {
        "\(epoch),\(step)," + numbers.map { $0.value.map { "\($0)" } ?? "" }.joined(separator: ",")
    }

    /// The header row of CSV without the newline.
    var csvHeader: String { "epoch,step," + numbers.map(\.key).joined(separator: ",") }
}

extension StepRecord {
    var fields: RecordFields {
        RecordFields(
            epoch: epoch, step: step,
            numbers: [
                ("learning_rate", learningRate), ("loss", loss), ("accuracy", accuracy), ("seconds", seconds),
            ])
    }
}

extension EpochRecord {
    var fields: RecordFields {
        RecordFields(
            epoch: epoch, step: step,
            numbers: [
                ("learning_rate", learningRate), ("train_loss", trainLoss), ("train_accuracy", trainAccuracy),
                ("validation_loss", validationLoss), ("validation_accuracy", validationAccuracy),
                ("seconds", seconds), ("images_per_second", imagesPerSecond),
            ])
    }
}
