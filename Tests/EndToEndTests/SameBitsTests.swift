import Foundation
import Testing

extension EndToEnd {
    @Suite("The same bits on any number of ranks")
    struct SameBitsTests {
        @Test(
            "Tensors and every logged loss of three epochs are those of one rank on 2, 3, 4, 5, 7 and 8",
            arguments: [
                [], ["--batch-norm", "none"], ["--batch-norm", "local"],
                ["--residual", "--nesterov", "--weight-decay", "0.001", "--activation", "tanh"],
                ["--matmul-precision", "highest"], ["--matmul-precision", "medium", "--batch-norm", "none"],
                ["--matmul-precision", "low", "--hidden-dims", "130,128", "--activation", "gelu"],
                ["--matmul-precision", "medium", "--hidden-dims", "130,128"],
                ["--strategy", "allreduce", "--nesterov"],
                ["--strategy", "allreduce", "--matmul-precision", "medium", "--hidden-dims", "130,128"],
            ])
        func smallSet(flags: [String]) throws {
            let flags = try Runs.flags(epochs: 3) + flags
            let alone = try Program.train(flags)
            #expect(try alone.steps().count == 3 * Runs.stepsPerEpoch)
            for ranks in [2, 3, 4, 5, 7, 8] {
                let run = try Program.train(flags, ranks: ranks)
                #expect(try run.summary().worldSize == ranks)
                try run.expectEqual(alone)
            }
        }

        @Test(
            "They are where every rank exchanges through MPI alone, with either strategy",
            arguments: ["factor-exchange", "allreduce"])
        func nodes(strategy: String) throws {
            let flags = try Runs.flags(epochs: 2) + ["--strategy", strategy]
            let alone = try Program.train(flags)
            for ranks in [2, 3] {
                try Program.train(flags + ["--transport", "mpi"], ranks: ranks).expectEqual(alone)
            }
        }

        @Test("They are for two processes and the sharded evaluation, too")
        func shardedEvaluation() throws {
            let flags = try Runs.flags(epochs: 2)
            try Program.train(flags + ["--evaluation", "sharded"], ranks: 3).expectEqual(Program.train(flags))
        }

        @Test(
            "They are on CIFAR-10 at the defaults, on 1, 2 and 4 ranks",
            .enabled(if: Cifar10.isAvailable, Cifar10.absence))
        func realData() throws {
            let flags = try ["--data", Cifar10.directory().path, "--epochs", "1"]
            let alone = try Program.train(flags)
            for ranks in [2, 4] {
                try Program.train(flags, ranks: ranks).expectEqual(alone)
            }
        }

        @Test("They are on any number of threads", arguments: ["1", "3"])
        func threads(count: String) throws {
            let flags = try Runs.flags(epochs: 2)
            try Program.train(flags + ["--threads", count], ranks: 2).expectEqual(Program.train(flags))
        }

        @Test("They are again and again while weights move fast, on more ranks than processors")
        func fastWeights() throws {
            let flags = try ["--data", SmallData.directory().path] + SmallData.flags
            let alone = try Program.train(flags)
            for _ in 0..<10 { try Program.train(flags, ranks: 7).expectEqual(alone) }
        }

        @Test("Another seed gives other tensors")
        func seed() throws {
            let flags = try Runs.flags(epochs: 1)
            let (one, other) = try (Program.train(flags), Program.train(flags + ["--seed", "7"]))
            #expect(try one.summary().tensorsSha256 != other.summary().tensorsSha256)
            #expect(try one.steps() != other.steps())
        }
    }
}
