import Collectives
import Curvature
import Datasets
import Foundation
import MLPEngine
import MultiRankSupport
import Tensors
import XCTest

/// The whole measurement on the ranks of the launcher, each with its own records, against one rank.
final class CurvatureMultiRankTests: XCTestCase {
    private let dataset = SyntheticDataset(seed: 42, trainingCount: 500, testCount: 10)

    private var options: CurvatureMeasurement.Options {
        var options = CurvatureMeasurement.Options()
        (options.records, options.chunkRows) = (75, 8)
        (options.steps, options.probes, options.densityPoints) = (6, 2, 50)
        return options
    }

    func testTheMeasurementHasTheBitsOfOneRank() throws {
        let communicator = try MultiRankWorld.communicator()
        let model = MLPConfiguration(
            inputs: 3072, hiddenDimensions: [12, 7], classes: 10, activation: .relu, batchNorm: true,
            residual: true)
        let layout = MLP(model).network.parameterLayout
        let parameters = AlignedBuffer<Float>(zeroed: layout.count)
        layout.initialize(parameters.vector, seed: 3)
        func measure(_ communicator: any Communicator, threads: Int) throws -> CurvatureMeasurement {
            try CurvatureMeasurement.run(
                model, parameters: parameters.vector.array, runningStatistics: [], dataset: dataset,
                options: options, communicator: communicator, threads: threads
            ).measurement
        }
        let alone = try measure(SingleProcessCommunicator(), threads: 1)
        for threads in 1...2 { XCTAssertEqual(try measure(communicator, threads: threads), alone) }
        XCTAssertEqual(alone.products, 12)
        XCTAssertGreaterThan(alone.largest.value, 0)
        XCTAssertLessThan(alone.smallest.value, alone.largest.value)
    }

    func testAStationaryPointHasTheBitsOfOneRank() throws {
        let communicator = try MultiRankWorld.communicator()
        let sample = ImageSample(dataset, .training, count: 40, pooling: 16)
        let model = MLPConfiguration(
            inputs: sample.inputs, hiddenDimensions: [3], classes: 10, activation: .tanh)
        func search(_ communicator: any Communicator) throws -> StationaryPoint {
            let loss = try SampleLoss(
                model, recordCount: sample.count, chunkRows: 6, weightDecay: 1e-3,
                communicator: communicator, read: sample.read)
            var options = StationaryPoint.Options()
            options.steps = 2
            let start = (0..<loss.parameterCount).map { Double($0 % 7 - 3) / 10 }
            return try StationaryPoint(near: start, of: loss, options)
        }
        let alone = try search(SingleProcessCommunicator())
        XCTAssertEqual(try search(communicator), alone)
        XCTAssertLessThan(alone.gradientNorm, alone.gradientNorms[0])
    }
}
