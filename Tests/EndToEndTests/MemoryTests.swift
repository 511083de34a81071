import Foundation
import Testing

extension EndToEnd {
    @Suite("Memory", .enabled(if: ProcessTable.isAvailable, "measured in /proc, which this system has not"))
    struct MemoryTests {
        @Test(
            "At the defaults a single rank stays under 450 MB",
            .enabled(if: Cifar10.isAvailable, Cifar10.absence))
        func oneRank() throws {
            try expectPeak(below: 450_000_000, ranks: nil)
        }

        @Test(
            "At the defaults each of four ranks stays under 200 MB",
            .enabled(if: Cifar10.isAvailable, Cifar10.absence))
        func fourRanks() throws {
            try expectPeak(below: 200_000_000, ranks: 4)
        }

        private func expectPeak(below limit: Int, ranks: Int?) throws {
            for data in [try Cifar10.directory(), Cifar10.archive] {
                let output = try Scratch.newPath("run")
                // What is held does not grow from epoch to epoch: one tells.
                let outcome = try Program.succeed(
                    ["--data", data.path, "--output", output.path, "--epochs", "1"], ranks: ranks,
                    timeLimit: 180,
                    watchingMemory: true)
                let peaks = outcome.peakResidentBytes.values.sorted()
                #expect(peaks.count == ranks ?? 1)
                #expect(peaks.allSatisfy { $0 > 0 && $0 < limit }, "\(data.lastPathComponent): \(peaks)")
            }
        }
    }
}
