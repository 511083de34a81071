import Benchmarks
import DataParallel
import Foundation
import Testing
import Training

@Suite("Formulas of the benchmark")
struct BenchmarkFormulaTests {
    private static func limits() throws -> MachineLimits {
        let json = """
            {"peaks": [{"unit": "vector_float32", "gflops_per_thread": 50, "gflops": 100}],
             "copies": [{"working_set_bytes": 1000000, "bytes_per_second": 8e10},
                        {"working_set_bytes": 8000000, "bytes_per_second": 4e10},
                        {"working_set_bytes": 100000000, "bytes_per_second": 1e10}]}
            """
        return try JSONDecoder().decode(MachineLimits.self, from: Data(json.utf8))
    }

    private static func machine(ranks: Int, nodes: Int = 1) throws -> BenchmarkMachine {
        let json = """
            {"ranks": \(ranks), "nodes": \(nodes), "processors": 2, "threads_per_rank": 1,
             "communicator": "", "instruction_set": "", "blas_kernel": ""}
            """
        return try JSONDecoder().decode(BenchmarkMachine.self, from: Data(json.utf8))
    }

    private static func report(ranks: Int, seconds: [Double]) throws -> BenchmarkReport {
        let steps = seconds.map {
            """
            {"hidden_dims": [8], "batch_norm": "none", "batch_size": 10, "strategy": "allreduce", "matmul_precision": "high",
             "transport": "shared", "step_seconds": \($0), "fastest_step_seconds": \($0),
             "images_per_second": \(10 / $0), "phases": {}, "limit_seconds": 1, "share_of_limit": 1}
            """
        }
        let json = "[\(steps.joined(separator: ","))]"
        return BenchmarkReport(
            machine: try machine(ranks: ranks), limits: try limits(),
            steps: try JSONDecoder().decode([StepMeasurement].self, from: Data(json.utf8)))
    }

    @Test("A step's products are two passes over the first layer and three over the others")
    func products() {
        var configuration = TrainingConfiguration()
        configuration.hiddenDimensions = [128]
        configuration.batchSize = 128
        let expected = 2 * 128 * (2 * 3072 * 128 + 3 * 128 * 10)
        #expect(StepWork(configuration).flops == Double(expected))
        configuration.hiddenDimensions = []
        #expect(StepWork(configuration).flops == Double(2 * 128 * 2 * 3072 * 10))
    }

    @Test("A step reads and writes every parameter, with momentum every velocity, and reads the batch")
    func traffic() {
        var configuration = TrainingConfiguration()
        configuration.hiddenDimensions = [128]
        configuration.batchSize = 64
        let parameters = 3072 * 128 + 128 + 128 * 10 + 10
        #expect(StepWork(configuration).stateBytes == Double(8 * parameters))
        #expect(StepWork(configuration).batchBytes == 64 * 3072)
        configuration.momentum = 0.9
        #expect(StepWork(configuration).stateBytes == Double(16 * parameters))
        configuration.batchNorm = .sync
        #expect(StepWork(configuration).stateBytes == Double(16 * (parameters + 2 * 128)))
    }

    @Test("The limit is the products at the peak and the traffic at the bandwidth of its working set")
    func limit() throws {
        var configuration = TrainingConfiguration()
        configuration.batchSize = 128
        let work = StepWork(configuration)
        let traffic = work.stateBytes + work.batchBytes
        let limits = try Self.limits()
        // 3.5 MB on one rank; 0.9 MB on each of four.
        for (ranks, bandwidth) in [(1, 4e10), (4, 8e10)] {
            let expected = work.flops / 1e11 + traffic / bandwidth
            let found = work.seconds(within: limits, machine: try Self.machine(ranks: ranks))
            #expect(abs(found / expected - 1) < 1e-12)
        }
        // Each of two nodes has the whole model, half of the batch and half of the bandwidth.
        let nodeTraffic = work.stateBytes + work.batchBytes / 2
        let expected = work.flops / 1e11 + nodeTraffic / (4e10 / 2)
        let found = work.seconds(within: limits, machine: try Self.machine(ranks: 2, nodes: 2))
        #expect(abs(found / expected - 1) < 1e-12)
    }

    @Test("Working sets larger than any measured have the bandwidth of the largest")
    func bandwidth() throws {
        let limits = try Self.limits()
        #expect(limits.copyBytesPerSecond(workingSet: 1e6) == 8e10)
        #expect(limits.copyBytesPerSecond(workingSet: 1e6 + 1) == 4e10)
        #expect(limits.copyBytesPerSecond(workingSet: 1e12) == 1e10)
    }

    @Test("Speed-up is of images per second, efficiency per rank, both relative to the first report")
    func scaling() throws {
        let report = ScalingReport(
            .strong,
            [
                try Self.report(ranks: 2, seconds: [0.4, 0.2]),
                try Self.report(ranks: 4, seconds: [0.2, 0.3]),
            ])
        #expect(report.results.map(\.ranks) == [2, 4, 2, 4])
        for (result, expected) in zip(report.results, [(1.0, 1.0), (2, 1), (1, 1), (2.0 / 3, 1.0 / 3)]) {
            #expect(abs(result.speedUp - expected.0) < 1e-12)
            #expect(abs(result.efficiency - expected.1) < 1e-12)
        }
    }
}
