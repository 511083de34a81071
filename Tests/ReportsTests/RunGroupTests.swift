import DataParallel
import Foundation
import MLPEngine
import Metrics
import Plotting
import Reports
import Testing
import Training

@Suite("Groups of runs")
struct RunGroupTests {
    @Test("Runs are named by the settings in which they differ, in the words of the command line")
    func names() {
        var first = TrainingConfiguration()
        first.hiddenDimensions = [128]
        var second = first
        second.hiddenDimensions = [256, 128]
        second.residual = true
        var third = first
        third.hiddenDimensions = []
        third.optimizerKind = .adamw
        third.beta1 = 0.8
        let names = RunNames.names(of: [first, second, third])
        #expect(names[0] == "hidden-dims 128, no-residual, optimizer sgd")
        #expect(names[1] == "hidden-dims 256,128, residual, optimizer sgd")
        #expect(names[2] == "hidden-dims none, no-residual, optimizer adamw, beta1 0.8")
    }

    @Test("Runs that differ in their seed alone are one group; a lone run has its directory's name")
    func seeds() throws {
        let runs = try SampleRuns()
        let all = try [
            runs.add("a", seed: 1), runs.add("b", seed: 1) { $0.batchNorm = .sync }, runs.add("c", seed: 2),
            runs.add("d", seed: 2) { $0.batchNorm = .sync },
        ]
        let groups = RunGroup.grouping(all)
        #expect(groups.map(\.name) == ["batch-norm none", "batch-norm sync"])
        #expect(groups.map { $0.runs.map(\.name) } == [["a", "c"], ["b", "d"]])
        #expect(RunGroup.grouping([all[0]]).map(\.name) == ["a"])
        #expect(RunGroup.grouping([all[0], all[2]]).map(\.runs.count) == [2])
    }

    @Test("The same settings with the same seed twice are no samples: each stands for itself")
    func twins() throws {
        let runs = try SampleRuns()
        let all = try [runs.add("one"), runs.add("two")]
        #expect(RunGroup.grouping(all).map(\.name) == ["one", "two"])
        let third = try runs.add("three") { $0.residual = true }
        #expect(
            RunGroup.grouping(all + [third]).map(\.name) == [
                "no-residual (one)", "no-residual (two)", "residual",
            ])
    }

    @Test("Of several seeds the line is the mean and the band a sample deviation, as far as all have come")
    func bands() throws {
        let runs = try SampleRuns()
        let group = try #require(
            RunGroup.grouping([
                runs.add("a", seed: 1, loss: 1) { $0.epochs = 3 }, runs.add("b", seed: 2, loss: 2),
                runs.add("c", seed: 3, loss: 6),
            ]).first)
        let curve = group.curve { run in run.epochs.map { Point(Double($0.epoch), $0.trainLoss) } }
        #expect(curve.points == [Point(1, 3), Point(2, 1.5), Point(3, 1)])
        let deviation = 7.0.squareRoot()
        #expect(curve.band.count == 3 && abs(curve.band[0].high - 3 - deviation) < 1e-12)
        #expect(abs(curve.band[0].low - 3 + deviation) < 1e-12)
        #expect(
            Spread([1, 2, 6])?.deviation == deviation && Spread([4])?.deviation == nil && Spread([]) == nil)
    }

    @Test("A configuration's flags make the same configuration again")
    func flags() throws {
        var configuration = TrainingConfiguration()
        configuration.hiddenDimensions = []
        configuration.activation = .elu(alpha: 0.5)
        configuration.schedule = .step(epochs: 2, factor: 0.5)
        configuration.residual = true
        configuration.optimizerKind = .lion
        configuration.beta2 = 0.95
        configuration.seed = 7
        configuration.logicalShards = 4
        let flags = configuration.flags
        #expect(flags.contains("--residual") && !flags.contains("--epochs") && !flags.contains("--momentum"))
        var words: [String: String] = [:]
        for (index, flag) in flags.enumerated() where flag.hasPrefix("--") {
            words[String(flag.dropFirst(2))] = flag == "--residual" ? "true" : flags[index + 1]
        }
        var copy = TrainingConfiguration()
        try copy.apply(words)
        #expect(copy == configuration)
    }

    @Test(
        "The command that repeats a run is quoted, and asks for ranks only where the result depends on them")
    func command() {
        var configuration = TrainingConfiguration()
        configuration.hiddenDimensions = []
        #expect(
            configuration.command(worldSize: 4, data: ["--data", "it's here"])
                == "dp-train --data 'it'\\''s here' --hidden-dims ''")
        configuration.strategy = .allreduce
        #expect(configuration.command(worldSize: 4).hasPrefix("dp-train "))
        configuration.products = .openBLAS
        #expect(configuration.command(worldSize: 4).hasPrefix("mpirun -np 4 dp-train "))
        #expect(configuration.command(worldSize: 1).hasPrefix("dp-train "))
    }
}
