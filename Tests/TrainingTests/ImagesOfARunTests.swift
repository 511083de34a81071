import Datasets
import Foundation
import MLPEngine
import Tensors
import Testing
import Training

/// What a run knows of the images it is trained on.
@Suite struct ImagesOfARunTests {
    private static let grey = ImageFormat(
        name: "grey squares", channels: 1, height: 28, width: 28, classNames: ["light", "dark"], mean: [0.5],
        standardDeviation: [0.25])

    @Test func `A configuration that records none means CIFAR-10, one that does keeps them`() throws {
        var configuration = TrainingConfiguration()
        let encoder = JSONEncoder()
        let old = try encoder.encode(configuration)
        #expect(!String(decoding: old, as: UTF8.self).contains("images"))
        let read = try JSONDecoder().decode(TrainingConfiguration.self, from: old)
        #expect(read.format == .cifar10 && read.model.inputs == 3072 && read.model.classes == 10)
        configuration.images = Self.grey
        let new = try JSONDecoder().decode(TrainingConfiguration.self, from: encoder.encode(configuration))
        #expect(new == configuration)
        #expect(new.model.inputs == 784 && new.model.classes == 2)
    }

    @Test
    func `Products of images that are no whole vectors of bytes are Float, and the header says why`() throws {
        var configuration = TrainingConfiguration()
        configuration.images = Self.grey
        try configuration.settle(worldSize: 1)
        #expect(configuration.matmulPrecision == .highest)
        #expect(
            configuration.productsLine
                == "precision highest, Float, the only one for images of 28 × 28 pixels, no multiple of 32")
        configuration.matmulPrecision = .medium
        let error = #expect(throws: ConfigurationError.self) { try configuration.settle(worldSize: 1) }
        #expect(error?.setting == "--matmul-precision" && error?.expected.contains("28 × 28") == true)
    }

    @Test func `A data set of other images is refused with both names`() {
        let dataset = SyntheticDataset(seed: 1, trainingCount: 100, testCount: 10)
        var configuration = TrainingConfiguration()
        configuration.validationSize = 10
        configuration.batchSize = 8
        #expect(throws: Never.self) { try configuration.validate(against: dataset) }
        configuration.images = Self.grey
        let error = #expect(throws: ConfigurationError.self) { try configuration.validate(against: dataset) }
        #expect(error?.setting == "--data" && error?.expected.contains("grey squares") == true)
        #expect(error?.found.contains("CIFAR-10") == true)
    }
}
