import Foundation
import Testing

extension EndToEnd {
    /// Everything that training can be told to do holds what the whole program promises.
    @Suite("Every setting of training")
    struct FeatureTests {
        static let features: [[String]] = [
            ["--augment", "crop,flip"],
            ["--label-smoothing", "0.1", "--mixup", "0.2"],
            ["--batch-norm", "none", "--layer-norm"],
            ["--dropout", "0.2"],
            ["--input-dropout", "0.1", "--dropout", "0.3", "--residual"],
            ["--optimizer", "adamw", "--lr", "0.001", "--weight-decay", "0.01"],
            ["--optimizer", "lion", "--lr", "0.0003", "--weight-decay", "0.1"],
            ["--activation", "gelu"],
            ["--batch-size", "100"],
            ["--split-seed", "7"],
            [
                "--augment", "crop,flip,rotate,zoom,cutout", "--crop-padding", "3", "--mixup", "0.3",
                "--mixup-shares", "pair", "--clean-epochs", "1",
            ],
            [
                "--init", "lecun", "--zero-output", "--init-window", "4", "--weight-decay", "0.01",
                "--weight-decay-on", "weights",
            ],
            [
                "--residual", "--residual-width", "8", "--l1", "0.0001", "--shuffle", "global", "--mixup",
                "0.2",
            ],
        ]

        /// Flags for a run, without the momentum that other optimizers do not take.
        private static func flags(epochs: Int, with feature: [String]) throws -> [String] {
            var flags = try Runs.flags(epochs: epochs)
            if feature.contains("--optimizer"), let momentum = flags.firstIndex(of: "--momentum") {
                flags.removeSubrange(momentum...momentum + 1)
            }
            return flags + feature
        }

        @Test("It trains otherwise than without", arguments: features)
        func differs(flags: [String]) throws {
            let (with, without) = try (
                Program.train(Self.flags(epochs: 1, with: flags)),
                Program.train(Self.flags(epochs: 1, with: []))
            )
            #expect(try with.summary().tensorsSha256 != without.summary().tensorsSha256)
        }

        @Test("The same bits on 1, 2, 3, 4 and 7 ranks, through shared memory and MPI", arguments: features)
        func sameBits(flags: [String]) throws {
            let flags = try Self.flags(epochs: 2, with: flags)
            let alone = try Program.train(flags)
            for ranks in [2, 3, 4, 7] { try Program.train(flags, ranks: ranks).expectEqual(alone) }
            try Program.train(flags + ["--transport", "mpi"], ranks: 3).expectEqual(alone)
        }

        @Test(
            "A run that goes on in the middle of an epoch comes to the same, on other ranks",
            arguments: features)
        func resume(flags: [String]) throws {
            let whole = try Program.train(
                Self.flags(epochs: 2, with: flags) + ["--checkpoint-every", "20steps", "--keep-last", "9"],
                ranks: 2)
            // As a kill after the first checkpoint leaves it.
            let broken = try Runs.copy(whole)
            for checkpoint in try broken.checkpoints().dropFirst() {
                try FileManager.default.removeItem(at: checkpoint)
            }
            #expect(try broken.newestStep() == 20)
            try Program.succeed(Runs.resume(broken), ranks: 3)
            try broken.expectEqual(whole)
        }

        @Test("An allreduce trains with it, too, up to rounding", arguments: features)
        func allreduce(flags: [String]) throws {
            let flags = try Self.flags(epochs: 2, with: flags)
            let exchange = try Program.train(flags).summary()
            let allreduce = try Program.train(flags + ["--strategy", "allreduce"], ranks: 3).summary()
            #expect(abs(allreduce.testLoss - exchange.testLoss) < 0.05 * exchange.testLoss)
        }

        @Test("OpenBLAS trains to the same up to rounding, on one rank and on three")
        func library() throws {
            let flags =
                try Runs.flags(epochs: 2) + ["--strategy", "allreduce", "--matmul-precision", "highest"]
            for ranks in [nil, 3] {
                let own = try Program.train(flags, ranks: ranks)
                let library = try Program.train(flags + ["--products", "openblas"], ranks: ranks)
                let (expected, found) = try (own.summary(), library.summary())
                #expect(abs(found.testLoss - expected.testLoss) < 0.01 * expected.testLoss)
            }
        }
    }
}
