import ArgumentParser
import Collectives
import CommandLineSupport
import Foundation
import Training
import Verification

/// `dp-train gradcheck`: checks the gradients of a network.
struct GradcheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gradcheck",
        abstract: "Check the gradients of a network in three ways.",
        discussion: """
            For each tensor of the network that train would train with these flags: the gradient of the mean loss of 32 \
            images of the synthetic set by automatic differentiation, by differences of the loss (some entries of each \
            tensor), and by the engine's own rules in Double and in Float. Shown are the entry that is largest, by each way, and \
            the largest errors. Batch norm takes its statistics over the 32 images, or with local over each of 4 shards of 8; \
            dropout takes the masks of a first step, in all ways the same. Of train's flags those of the network, \
            --label-smoothing and --seed count. Under mpirun one rank computes, and all end alike. Exit code 0: all agree; 1: \
            some tensor is off.
            """)

    @OptionGroup var recipe: RecipeOption

    @OptionGroup(title: "The network, and train's other flags") var settings:
        SettingOptions<TrainingConfiguration>

    func run() throws {
        try RankedRun.run { communicator in
            let isRoot = communicator.rank == 0
            let configuration = try communicator.agree(on: "checking the settings") {
                var configuration = TrainingConfiguration()
                try configuration.apply(settings.words, recipe: recipe.recipe)
                try configuration.validate()
                return configuration
            }
            let report = try communicator.agree(on: "computing gradients") {
                try isRoot ? GradientCheck(configuration).run() : nil
            }
            report?.lines.forEach { print($0) }
            let isOff: Int64 = report.map { $0.isWithinBounds ? 0 : 1 } ?? 0
            guard try communicator.broadcast(isOff, root: 0) == 0 else {
                throw GradientsDiffer(shouldReport: isRoot)
            }
        }
    }
}

/// Some gradient is off, as all ranks know from the one that has computed it.
private struct GradientsDiffer: AgreedFailure, CustomStringConvertible, LocalizedError {
    let shouldReport: Bool
    var description: String { "gradcheck: expected gradients that agree, found some that are off" }
    var errorDescription: String? { description }
}
