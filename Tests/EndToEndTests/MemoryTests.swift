import Foundation
import Testing

extension EndToEnd {
    @Suite("Memory", .enabled(if: ProcessTable.isAvailable, "measured in /proc, which this system has not"))
    struct MemoryTests {
        @Test(
            "A single rank of two threads stays under 450 MB",
            .enabled(if: Cifar10.isAvailable, Cifar10.absence))
        func oneRank() throws {
            try expectPeak(below: 450_000_000, ranks: nil, threads: 2)
        }

        @Test(
            "Each of four ranks of one thread stays under 200 MB",
            .enabled(if: Cifar10.isAvailable, Cifar10.absence))
        func fourRanks() throws {
            try expectPeak(below: 200_000_000, ranks: 4, threads: 1)
        }

        private func expectPeak(below limit: Int, ranks: Int?, threads: Int) throws {
            for data in [try Cifar10.directory(), Cifar10.archive] {
                let output = try Scratch.newPath("run")
                // What is held does not grow from epoch to epoch: one tells.
                let outcome = try Program.succeed(
                    [
                        "--data", data.path, "--output", output.path, "--epochs", "1", "--threads",
                        "\(threads)",
                    ], ranks: ranks,
                    watchingMemory: true)
                let peaks = outcome.peakResidentBytes.values.sorted()
                #expect(peaks.count == ranks ?? 1)
                #expect(peaks.allSatisfy { $0 > 0 && $0 < limit }, "\(data.lastPathComponent): \(peaks)")
            }
        }
    }
}
