import ArgumentParser
import CommandLineSupport
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
            the largest errors. Batch norm takes its statistics over the 32 images. Of train's flags those of the network, \
            --label-smoothing and --seed count. Exit code 0: all agree; 1: some tensor is off.
            """)

    @OptionGroup(title: "The network, and train's other flags") var settings:
        SettingOptions<TrainingConfiguration>

    func run() throws {
        let check: GradientCheck
        do {
            var configuration = TrainingConfiguration()
            try configuration.apply(settings.words)
            try configuration.validate()
            check = try GradientCheck(configuration)
        } catch let error as ConfigurationError {
            throw ValidationError(error.description)
        }
        let report = try check.run()
        report.lines.forEach { print($0) }
        if !report.isWithinBounds { throw ExitCode.failure }
    }
}
