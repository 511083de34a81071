import Foundation
import Testing

extension EndToEnd {
    @Suite("One rank and many compute the same, up to rounding")
    struct RankCountTests {
        @Test(
            "The train loss of the first epoch is that of one rank, to 1e-4 of it",
            .enabled(if: Cifar10.isAvailable, Cifar10.absence), arguments: ["none", "sync"])
        func firstEpoch(batchNorm: String) throws {
            let flags = try ["--data", Cifar10.directory().path, "--epochs", "1", "--batch-norm", batchNorm]
            let alone = try #require(Program.train(flags).epochs().first)
            for ranks in [2, 3, 4, 7] {
                let run = try Program.train(flags, ranks: ranks)
                let together = try #require(run.epochs().first)
                #expect(try run.summary().worldSize == ranks)
                #expect(together.step == alone.step)
                #expect(
                    abs(together.trainLoss - alone.trainLoss) <= 1e-4 * alone.trainLoss,
                    "\(ranks) ranks: \(together.trainLoss), one: \(alone.trainLoss)")
            }
        }

        @Test(
            "After one step every tensor is that of one rank, to 1e-5",
            arguments: [
                [], ["--batch-norm", "sync"],
                ["--batch-norm", "sync", "--residual", "--hidden-dims", "64,32", "--activation", "relu"],
                ["--hidden-dims", "", "--momentum", "0.9", "--weight-decay", "0.001"],
                ["--strategy", "allreduce", "--batch-norm", "sync", "--transport", "shared"],
                ["--strategy", "allreduce", "--batch-norm", "sync", "--transport", "mpi"],
                ["--strategy", "allreduce", "--residual", "--hidden-dims", "64,32", "--transport", "mpi"],
            ])
        func firstStep(flags: [String]) throws {
            // 1,800 training images in batches of 1,024: an epoch is one step.
            let data = try SmallData.directory()
            let flags =
                ["--data", data.path, "--validation-size", "200", "--epochs", "1", "--batch-size", "1024"]
                + flags
            let alone = try tensorsAfterOneStep(flags)
            #expect(!alone.values.isEmpty)
            for ranks in [2, 3, 4, 7] {
                let together = try tensorsAfterOneStep(flags, ranks: ranks)
                #expect(together.shapes == alone.shapes)
                for (name, expected) in alone.values {
                    let found = try #require(together.values[name])
                    let worst = zip(found, expected).map { abs($0 - $1) / max(1, abs($1)) }.max() ?? 0
                    #expect(
                        found.count == expected.count && worst <= 1e-5, "\(name) on \(ranks) ranks: \(worst)")
                }
            }
        }

        @Test("Sharded evaluation counts what rank 0 counts alone", arguments: [2, 3, 7])
        func shardedEvaluation(ranks: Int) throws {
            let data = try SmallData.directory()
            let flags = ["--data", data.path] + SmallData.flags
            let alone = try Program.train(flags + ["--evaluation", "rank0"], ranks: ranks)
            let sharded = try Program.train(flags + ["--evaluation", "sharded"], ranks: ranks)
            #expect(
                try sharded.epochs().map(\.validationAccuracy) == alone.epochs().map(\.validationAccuracy))
            #expect(try sharded.summary().testAccuracy == alone.summary().testAccuracy)
            #expect(try abs(sharded.summary().testLoss - alone.summary().testLoss) < 1e-5)
        }

        private func tensorsAfterOneStep(_ flags: [String], ranks: Int? = nil) throws -> SafetensorsFile {
            let run = try Program.train(flags, ranks: ranks)
            let checkpoint = try run.newestCheckpoint()
            try #require(checkpoint.lastPathComponent == "step-00000001.safetensors.zst")
            return try SafetensorsFile(checkpoint: checkpoint)
        }
    }
}
