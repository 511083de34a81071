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
    /// Where training stood.
    let step: Int
    private let classifier: Classifier

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
        point = try ResumePoint(path: restored.entry.path)
        step = restored.checkpoint.metadata.position.step
        classifier = try Classifier(point, model: .current)
    }

    /// What each unit of the first layer weighs pixels with, in one picture.
    func firstLayer(width: Double) throws -> ImageGrid? {
        guard let picture = classifier.firstLayer else { return nil }
        // Room for the margins.
        let shown = min(width - 24, Double(picture.width) * 3)
        return ImageGrid(
            "First layer", items: [ImageGrid.Item(png: [UInt8](try picture.pngData()))],
            itemSize: ChartSize(shown, shown * Double(picture.height) / Double(picture.width)), width: width)
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
        guard try point.wasTrained(on: dataset) else {
            throw RunRecords.Failure(
                description: "expected the records that the run was trained on, found others: \(dataset.name)"
                    + " (\(dataset.location))")
        }
        let whitened: (any ImageDataset)? = try point.whitenedAlone({ dataset }, note: { _ in })
        let format = dataset.format
        let count = dataset.count(of: .test)
        let indices = (0..<min(Self.tried, count)).map { $0 * count / min(Self.tried, count) }
        // Those that are shown, and those that the model reads.
        let records = try dataset.read(.test, records: indices)
        let inputs = try whitened?.read(.test, records: indices) ?? records
        let results = try indices.indices.map { row in
            let probabilities = try classifier.probabilities(of: Self.pixels(row, of: inputs, format))
            let best = probabilities.indices.max { probabilities[$0] < probabilities[$1] } ?? 0
            return (row: row, label: Int(records.labels[row]), best: best, probability: probabilities[best])
        }
        func grid(_ title: String, _ chosen: [(row: Int, label: Int, best: Int, probability: Double)]) throws
            -> ImageGrid
        {
            let items = try chosen.sorted { $0.probability > $1.probability }.prefix(Self.shown).map {
                result in
                let isRight = result.label == result.best
                let share = NumberText(format: .percent).text(
                    (result.probability * 1000).rounded() / 1000)
                return ImageGrid.Item(
                    png: try Self.png(Self.pixels(result.row, of: records, format), format),
                    caption: [format.classNames[result.best], share]
                        + (isRight ? [] : ["is \(format.classNames[result.label])"])
                        + ["image \(indices[result.row])"],
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

    private static func pixels(_ row: Int, of records: ImageRecords, _ format: ImageFormat) -> [UInt8] {
        Array(records.pixels[row * format.imageBytes..<(row + 1) * format.imageBytes])
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
