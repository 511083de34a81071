import Foundation
import Testing

extension EndToEnd {
    @Suite("What training on CIFAR-10 reaches")
    struct AccuracyTests {
        @Test("The defaults learn, on one rank", .enabled(if: Cifar10.isAvailable, Cifar10.absence))
        func defaults() throws {
            let run = try train(["--seed", "42"])
            #expect(try run.summary().testAccuracy >= 0.46)
            try expectFallingLoss(run)
        }

        @Test("Batch norm over two ranks learns more", .enabled(if: Cifar10.isAvailable, Cifar10.absence))
        func batchNorm() throws {
            let run = try train(["--seed", "42", "--batch-norm", "sync"], ranks: 2)
            #expect(try run.summary().testAccuracy >= 0.47)
        }

        @Test(
            "Over three seeds ELU and ReLU reach 0.475 on average and 0.46 each",
            .enabled(if: Cifar10.runsLongTests, Cifar10.longTests), arguments: ["elu", "relu"])
        func seeds(activation: String) throws {
            var accuracies: [Double] = []
            for seed in 42...44 {
                let run = try train(["--seed", "\(seed)", "--activation", activation])
                accuracies.append(try run.summary().testAccuracy)
                try expectFallingLoss(run)
            }
            #expect(mean(accuracies) >= 0.475, "\(accuracies)")
            #expect(accuracies.allSatisfy { $0 >= 0.46 }, "\(accuracies)")
        }

        @Test(
            "Over three seeds batch norm reaches 0.49 on average",
            .enabled(if: Cifar10.runsLongTests, Cifar10.longTests))
        func batchNormSeeds() throws {
            let accuracies = try (42...44).map {
                try train(["--seed", "\($0)", "--batch-norm", "sync"]).summary().testAccuracy
            }
            #expect(mean(accuracies) >= 0.49, "\(accuracies)")
        }

        @Test(
            "Over five seeds products with pixels in integers learn as much as Float, to half a point",
            .enabled(if: Cifar10.runsLongTests, Cifar10.longTests))
        func precisions() throws {
            func mean(_ precision: String) throws -> Double {
                self.mean(
                    try (42...46).map {
                        try train(["--seed", "\($0)", "--matmul-precision", precision]).summary().testAccuracy
                    })
            }
            let (high, highest) = try (mean("high"), mean("highest"))
            #expect(abs(high - highest) <= 0.005, "high \(high), highest \(highest)")
        }

        @Test(
            "On any number of ranks the accuracy is that of one rank, to 0.02",
            .enabled(if: Cifar10.runsLongTests, Cifar10.longTests), arguments: ["none", "sync"])
        func ranks(batchNorm: String) throws {
            let flags = ["--seed", "42", "--batch-norm", batchNorm]
            let alone = try train(flags).summary().testAccuracy
            for ranks in [2, 3, 4, 7] {
                let together = try train(flags, ranks: ranks).summary().testAccuracy
                #expect(abs(together - alone) <= 0.02, "\(ranks) ranks: \(together), one: \(alone)")
            }
        }

        private func train(_ flags: [String], ranks: Int? = nil) throws -> RunDirectory {
            try Program.train(["--data", Cifar10.directory().path] + flags, ranks: ranks)
        }

        private func expectFallingLoss(_ run: RunDirectory) throws {
            let losses = try run.epochs().prefix(5).map(\.trainLoss)
            #expect(losses.count == 5 && zip(losses, losses.dropFirst()).allSatisfy { $0 > $1 }, "\(losses)")
        }

        private func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
    }
}
