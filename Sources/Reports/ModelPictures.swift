internal import Checkpoints
internal import Datasets
internal import Foundation
internal import Images
internal import Plotting
internal import Training

// What a run's newest checkpoint has to show: the weights of the first layer, and what it takes test images for.

/// The pictures of a run's newest checkpoint.
struct ModelPictures {
    /// Which checkpoint.
    let point: ResumePoint
    /// Its file.
    let path: String
    /// Where training stood.
    let step: Int
    private let tensors: [NamedTensor]

    /// The most units whose weights are shown.
    private static let mostUnits = 64
    /// How many test images are tried, and how many of each kind are shown.
    private static let tried = 1000
    private static let shown = 12

    /// Reads the newest checkpoint that is whole; nothing is changed.
    ///
    /// - Returns: Nil where there is none yet.
    /// - Throws: `CheckpointError`, `ResumePoint.Failure`.
    init?(of run: RunRecords) throws {
        let store = CheckpointStore(directory: run.directory.checkpoints)
        let restored: CheckpointStore.Restored
        do throws(CheckpointError) { restored = try store.restoreNewest(settingAside: false) } catch {
            if case .noneFound = error { return nil }
            throw error
        }
        path = restored.entry.path
        point = try ResumePoint(path: path)
        step = restored.checkpoint.metadata.position.step
        tensors = try restored.checkpoint.weights(of: .current)
    }

    /// The rows of the first layer's matrix as images: grey is 0, and each has its own scale.
    func firstLayer(width: Double) throws -> ImageGrid? {
        let format = point.configuration.format
        guard let weight = tensors.first(where: { $0.shape.count == 2 && $0.shape[1] == format.imageBytes })
        else { return nil }
        let values = try weight.floats()
        let units = min(weight.shape[0], Self.mostUnits)
        let items = try (0..<units).map { unit in
            let row = values[unit * format.imageBytes..<(unit + 1) * format.imageBytes]
            let largest = row.map(abs).max() ?? 0
            // Numbers that are none are shown as 0.
            let bytes = row.map { value in
                largest > 0 && largest.isFinite ? UInt8((127.5 + 127.5 * value / largest).rounded()) : 128
            }
            return ImageGrid.Item(png: try Self.png(bytes, format), caption: ["\(unit)"])
        }
        let count = weight.shape[0]
        let which = units < count ? "the first \(units) of \(count) units" : "all \(count) units"
        return ImageGrid("\(weight.name), \(which)", items: items, itemSize: ChartSize(56, 56), width: width)
    }

    /// Test images that the model takes for what they are, and others, those first of which it is most certain.
    struct Predictions {
        /// How many were tried, and how many of them taken for what they are.
        let tried, correct: Int
        /// The pictures.
        let right, wrong: ImageGrid
    }

    /// Tries some of the test images, evenly from the first to the last.
    ///
    /// - Throws: ``RunRecords/Failure`` where the data set is not the run's, or what reading it throws.
    func predictions(on dataset: any ImageDataset, width: Double) throws -> Predictions {
        guard try CheckpointPredictions.wasTrained(point, on: dataset) else {
            throw RunRecords.Failure(
                description: "expected the records that the run was trained on, found others: \(dataset.name)"
                    + " (\(dataset.location))")
        }
        let format = dataset.format
        let count = dataset.count(of: .test)
        let indices = (0..<min(Self.tried, count)).map { $0 * count / min(Self.tried, count) }
        let records = try dataset.read(.test, records: indices)
        let probabilities = try CheckpointPredictions.probabilities(of: point, records: records)
        let results = probabilities.enumerated().map { row, probabilities in
            let best = probabilities.indices.max { probabilities[$0] < probabilities[$1] } ?? 0
            return (row: row, label: Int(records.labels[row]), best: best, probability: probabilities[best])
        }
        func grid(_ title: String, _ chosen: [(row: Int, label: Int, best: Int, probability: Float)]) throws
            -> ImageGrid
        {
            let items = try chosen.sorted { $0.probability > $1.probability }.prefix(Self.shown).map {
                result in
                let start = result.row * format.imageBytes
                let isRight = result.label == result.best
                let share = NumberText(format: .percent).text(
                    (Double(result.probability) * 1000).rounded() / 1000)
                return ImageGrid.Item(
                    png: try Self.png(Array(records.pixels[start..<start + format.imageBytes]), format),
                    caption: ["\(format.classNames[result.best]) \(share)"]
                        + (isRight ? [] : ["is \(format.classNames[result.label])"])
                        + ["test image \(indices[result.row])"],
                    frame: isRight ? .solid : .dashed)
            }
            return ImageGrid(title, items: items, itemSize: ChartSize(72, 72), width: width)
        }
        let right = results.filter { $0.label == $0.best }
        return Predictions(
            tried: results.count, correct: right.count,
            right: try grid("Right, the most certain first", right),
            wrong: try grid("Wrong, the most certain first", results.filter { $0.label != $0.best }))
    }

    /// An image whose channels lie one after another as PNG: in colour with three, else the first in grey.
    private static func png(_ planes: [UInt8], _ format: ImageFormat) throws -> [UInt8] {
        let count = format.planeBytes
        let bytes =
            format.channels == 3
            ? (0..<count).flatMap { [planes[$0], planes[count + $0], planes[2 * count + $0]] }
            : Array(planes[..<count])
        let image = RasterImage(
            width: format.width, height: format.height, channels: format.channels == 3 ? 3 : 1, bytes: bytes)
        return [UInt8](try image.pngData())
    }
}
