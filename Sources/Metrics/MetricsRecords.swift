internal import Foundation

/// What is recorded of one step of training.
public struct StepRecord: Sendable, Equatable {
    /// The epoch that the step belongs to, from 1.
    public var epoch: Int
    /// Steps completed since the beginning of the run, this one included.
    public var step: Int
    /// The learning rate that the step used.
    public var learningRate: Double
    /// Mean loss per record of the global batch, before the step.
    public var loss: Double
    /// Correct predictions / records of the global batch, before the step, 0 to 1.
    public var accuracy: Double
    /// How long the step took, in seconds; nil if it was not measured.
    public var seconds: Double?

    /// Gathers the record of a step.
    public init(
        epoch: Int, step: Int, learningRate: Double, loss: Double, accuracy: Double, seconds: Double? = nil
    ) {
        self.epoch = epoch
        self.step = step
        self.learningRate = learningRate
        self.loss = loss
        self.accuracy = accuracy
        self.seconds = seconds
    }
}

/// What is recorded of one epoch of training.
public struct EpochRecord: Sendable, Equatable {
    /// The epoch, from 1: epochs completed, this one included.
    public var epoch: Int
    /// Steps completed since the beginning of the run.
    public var step: Int
    /// The learning rate of the epoch's last step.
    public var learningRate: Double
    /// Mean loss per record over the epoch's batches, each before its step.
    public var trainLoss: Double
    /// Correct predictions / records over the epoch's batches, 0 to 1.
    public var trainAccuracy: Double
    /// Mean loss per validation record after the epoch; nil if there was no validation.
    public var validationLoss: Double?
    /// Correct predictions / validation records after the epoch, 0 to 1; nil if there was no validation.
    public var validationAccuracy: Double?
    /// How long the epoch took, in seconds.
    public var seconds: Double
    /// Training records per second.
    public var imagesPerSecond: Double

    /// Gathers the record of an epoch.
    public init(
        epoch: Int, step: Int, learningRate: Double, trainLoss: Double, trainAccuracy: Double,
        validationLoss: Double? = nil, validationAccuracy: Double? = nil, seconds: Double,
        imagesPerSecond: Double
    ) {
        self.epoch = epoch
        self.step = step
        self.learningRate = learningRate
        self.trainLoss = trainLoss
        self.trainAccuracy = trainAccuracy
        self.validationLoss = validationLoss
        self.validationAccuracy = validationAccuracy
        self.seconds = seconds
        self.imagesPerSecond = imagesPerSecond
    }
}

/// The position from which a resumed run goes on: what was recorded after it is dropped.
public struct MetricsPosition: Sendable, Equatable {
    /// Completed epochs.
    public var epoch: Int
    /// Completed steps since the beginning of the run.
    public var step: Int

    /// A position after `epoch` epochs and `step` steps.
    public init(epoch: Int, step: Int) {
        self.epoch = epoch
        self.step = step
    }
}

/// How the file of a sink is opened.
public enum MetricsOpening: Sendable, Equatable {
    /// From the beginning; a file that is there is replaced.
    case new
    /// Going on after a position; what the file holds of later steps or epochs is dropped.
    case continuing(MetricsPosition)
}

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

/// The position at which a line of one of our files was recorded.
struct RecordLine {
    let epoch: Int
    let step: Int

    private static let epochKey = [UInt8](#"{"epoch":"#.utf8)
    private static let stepKey = [UInt8](#""step":"#.utf8)

    /// Reads the beginning of a row of CSV, `3,1170,…`.
    init?(csv line: ArraySlice<UInt8>) {
        var fields = line.split(separator: UInt8(ascii: ","), maxSplits: 2).makeIterator()
        guard let epoch = fields.next().flatMap(Self.natural), let step = fields.next().flatMap(Self.natural),
            fields.next() != nil
        else { return nil }
        self.epoch = epoch
        self.step = step
    }

    /// Reads the beginning of a line of JSON, `{"epoch":3,"step":1170,…}`.
    init?(json line: ArraySlice<UInt8>) {
        var fields = line.split(separator: UInt8(ascii: ","), maxSplits: 2).makeIterator()
        guard line.last == UInt8(ascii: "}"), let first = fields.next(), let second = fields.next(),
            first.starts(with: Self.epochKey), second.starts(with: Self.stepKey),
            let epoch = Self.natural(first.dropFirst(Self.epochKey.count)),
            let step = Self.natural(second.dropFirst(Self.stepKey.count))
        else { return nil }
        self.epoch = epoch
        self.step = step
    }

    private static func natural(_ digits: ArraySlice<UInt8>) -> Int? {
        guard !digits.isEmpty else { return nil }
        var value = 0
        for digit in digits {
            guard (0x30...0x39).contains(digit) else { return nil }
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(Int(digit - 0x30))
            if overflow || carry { return nil }
            value = sum
        }
        return value
    }
}

/// The lines of a text, and what of them is kept when a run goes on from a position.
struct KeptLines {
    /// The kept lines, each with its newline.
    private(set) var text = Data()
    /// How many lines were not records, the last one without a newline included.
    private(set) var malformed = 0
    /// How many lines were recorded after the position.
    private(set) var later = 0
    /// The last step that is kept.
    private(set) var lastStep = 0

    init(
        _ contents: Data, keeping isKept: (RecordLine) -> Bool,
        parsing parse: (ArraySlice<UInt8>) -> RecordLine?
    ) {
        // An array: going through a long log byte by byte takes several times as long in Data.
        var rest = [UInt8](contents)[...]
        while !rest.isEmpty {
            guard let end = rest.firstIndex(of: UInt8(ascii: "\n")) else {
                malformed += 1
                break
            }
            let line = rest[rest.startIndex..<end]
            let withNewline = rest[rest.startIndex...end]
            rest = rest[(end + 1)...]
            if let record = parse(line) {
                if isKept(record) {
                    text.append(contentsOf: withNewline)
                    lastStep = max(lastStep, record.step)
                } else {
                    later += 1
                }
            } else {
                malformed += 1
            }
        }
    }
}
