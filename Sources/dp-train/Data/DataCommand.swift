import ArgumentParser

/// `dp-train data`: gets, checks and makes data sets.
struct DataCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "data",
        abstract: "Download, check or synthesize a data set.",
        subcommands: [FetchCommand.self, VerifyCommand.self, SynthesizeCommand.self])
}
