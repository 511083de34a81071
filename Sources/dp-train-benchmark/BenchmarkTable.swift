import Benchmarks
import CommandLineSupport
import DataParallel
import Foundation
import Training

/// Prints benchmarks for people.
struct BenchmarkTable {
    func print(_ machine: BenchmarkMachine) {
        let ranks = machine.ranks == 1 ? "1 rank" : "\(machine.ranks) ranks"
        let nodes = machine.nodes == 1 ? "" : " on \(machine.nodes) nodes"
        let threads = machine.threadsPerRank == 1 ? "1 thread" : "\(machine.threadsPerRank) threads"
        line("\(ranks)\(nodes) with \(threads), \(machine.processors) processors; \(machine.communicator)")
        line("products: \(machine.instructionSet); OpenBLAS: \(machine.blasKernel)")
    }

    func print(_ limits: MachineLimits) {
        line("\nLimits, all ranks at once")
        for peak in limits.peaks {
            line(
                text("peak, \(peak.unit.rawValue)", 34) + number(peak.gigaflopsPerThread, 9, 1)
                    + " GFLOP/s a thread," + number(peak.gigaflops, 9, 1) + " GFLOP/s together")
        }
        for copy in limits.copies {
            line(
                text("copy, \(size(copy.workingSetBytes)) a rank, read + write", 34)
                    + number(copy.bytesPerSecond / 1e9, 9, 1) + " GB/s together")
        }
        if let products = limits.products { print(products) }
        if let barrier = limits.barrier {
            line(
                text("barrier", 34) + "shared memory " + microseconds(barrier.sharedSeconds) + " µs, MPI "
                    + microseconds(barrier.mpiSeconds) + " µs")
        }
        if let allreduces = limits.allreduces, !allreduces.isEmpty { print(allreduces) }
    }

    private func print(_ products: [ProductMeasurement]) {
        line(
            text("\nproduct, 1 thread a rank", 35) + text("kernel", 18) + column("µs", 10)
                + column("GFLOP/s", 9) + column("of peak", 9) + column("error", 10))
        for product in products {
            let shape = product.shape
            let name = "\(shape.use.rawValue) [\(shape.m), \(shape.n)], k \(shape.k)"
            line(
                text(name, 34) + text(product.kernel, 18) + number(product.seconds * 1e6, 10, 0)
                    + number(product.gigaflops, 9, 1) + percent(product.shareOfPeak, 9)
                    + column(String(format: "%.1e", product.largestError), 10))
        }
    }

    private func print(_ allreduces: [AllreduceMeasurement]) {
        line(
            text("\nallreduce, µs", 15) + column("shared", 12) + column("fresh", 12) + column("MPI", 12)
                + column("fresh", 12))
        for reduce in allreduces {
            line(
                text(size(reduce.byteCount), 14)
                    + [
                        reduce.sharedSeconds, reduce.sharedFreshSeconds, reduce.mpiSeconds,
                        reduce.mpiFreshSeconds,
                    ].map { column(microseconds($0), 12) }.joined())
        }
    }

    func printStepHeader(comparesWithMPI: Bool) {
        line(
            "\nSteps: medians; the share of the least time that products and memory traffic take; allocations per step;"
                + " shares of the phases in %")
        let phases = StepPhase.allCases.map { column(String(describing: $0), 9) }.joined()
        line(
            text("hidden", 13) + text("norm", 5) + column("batch", 6) + "  " + text("strategy", 16)
                + text("products", 9) + text("over", 7) + column("µs", 9) + column("images/s", 10)
                + column("of allreduce", 13)
                + (comparesWithMPI ? column("of MPI", 8) : "") + column("limit", 7) + column("allocs", 7)
                + phases)
    }

    func print(_ step: StepMeasurement) {
        let comparesWithMPI = step.timeRelativeToMPI.map { number($0, 8, 2) } ?? ""
        let phases = StepPhase.allCases.map { phase in
            number(100 * (step.phases[String(describing: phase)] ?? 0), 9, 0)
        }
        line(
            text(Self.name(step.hiddenDimensions), 13) + text(step.batchNorm, 5)
                + column("\(step.batchSize)", 6) + "  " + text(step.strategy, 16) + text(step.precision, 9)
                + text(step.transport, 7)
                + number(step.stepSeconds * 1e6, 9, 0) + number(step.imagesPerSecond, 10, 0)
                + (step.timeRelativeToAllreduce.map { number($0, 13, 2) } ?? column("-", 13))
                + comparesWithMPI
                + percent(step.shareOfLimit, 7)
                + (step.allocationsPerStep.map { number($0, 7, 1) } ?? column("-", 7)) + phases.joined())
    }

    func print(_ scaling: ScalingReport) {
        let isForetold = scaling.results.contains { $0.predictedStepSeconds != nil }
        line(
            "\(scaling.kind.rawValue) scaling, threads of a rank: \(scaling.threadsPerRank); relative to the first number of ranks"
                + (isForetold ? "; the model's time, and the measured one relative to it" : "")
        )
        line(
            text("hidden", 13) + text("norm", 6) + text("strategy", 16) + column("hosts", 6)
                + column("ranks", 6) + column("batch", 8) + column("µs", 10) + column("images/s", 11)
                + column("speed-up", 10) + column("efficiency", 12)
                + (isForetold ? column("model", 10) + column("of model", 10) : ""))
        for result in scaling.results {
            let foretold = result.predictedStepSeconds.map {
                number($0 * 1e6, 10, 0) + number(result.stepSeconds / $0, 10, 2)
            }
            line(
                text(Self.name(result.hiddenDimensions), 13) + text(result.batchNorm, 6)
                    + text(result.strategy, 16) + column("\(result.hosts)", 6) + column("\(result.ranks)", 6)
                    + column("\(result.batchSize)", 8) + number(result.stepSeconds * 1e6, 10, 0)
                    + number(result.imagesPerSecond, 11, 0) + number(result.speedUp, 10, 2)
                    + percent(result.efficiency, 12) + (foretold ?? ""))
        }
    }

    private static func name(_ widths: [Int]) -> String {
        widths.isEmpty ? "(none)" : widths.map(String.init).joined(separator: ",")
    }

    /// At once, for those who wait for minutes.
    private func line(_ text: String) {
        StandardOutput.send(text + "\n")
    }

    private func size(_ bytes: Int) -> String {
        bytes < 1 << 20 ? "\(bytes >> 10) KB" : "\(bytes >> 20) MB"
    }

    private func microseconds(_ seconds: Double?) -> String {
        seconds.map { String(format: $0 < 1e-4 ? "%.2f" : "%.0f", $0 * 1e6) } ?? "-"
    }

    private func percent(_ share: Double, _ width: Int) -> String {
        column(String(format: "%.0f%%", 100 * share), width)
    }

    private func number(_ value: Double, _ width: Int, _ slices: Int) -> String {
        column(String(format: "%.\(slices)f", value), width)
    }

    private func column(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(1, width - text.count)) + text
    }

    private func text(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }
}
