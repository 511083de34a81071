import ArgumentParser
import Collectives
import CommandLineSupport
import Foundation
import Training
import Verification

/// `dp-train verify-bits`: compares this machine's bits with those of every machine.
struct VerifyBitsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify-bits",
        abstract: "Check that this machine computes the bits that every machine computes.",
        discussion: """
            Compares what each kernel makes of fixed inputs, and every step of some short runs on built-in images, with a \
            table that is part of the program. Alone or under mpirun; writes no file. Exit code 0: all bits agree; 1: some \
            differ, and the output says which came first.
            """)

    @OptionGroup var computing: ComputingOptions

    @Option(
        help: ArgumentHelp(
            "Only this run, or only the kernels; may be given several times. (default: everything)",
            valueName: "run|\(Verification.kernelsName)"),
        completion: .list(Self.names))
    var only: [String] = []

    @Flag(
        help: "Print the Swift source of the table with this machine's bits, for a change that alters them.")
    var table = false

    private static var names: [String] {
        [Verification.kernelsName] + ReferenceTable.current.runs.map(\.name)
    }

    func validate() throws {
        if let unknown = only.first(where: { !Self.names.contains($0) }) {
            throw ValidationError(
                "--only \(unknown): expected one of \(Self.names.joined(separator: ", "))")
        }
        guard !table || only.isEmpty else {
            throw ValidationError("--table: expected all of it, found --only")
        }
    }

    func run() throws {
        try RankedRun.run { communicator in
            let isRoot = communicator.rank == 0
            var noted: Set<String> = []
            let verification = try communicator.agree(on: "checking the settings") {
                let options = try computing.runOptions()
                try options.useInstructionSet()
                return try Verification(communicator, options: options) { text in
                    // The same is true of every run.
                    if noted.insert(text).inserted { Messages.printWarning(text) }
                }
            }
            guard !table else {
                let made = try verification.makeTable()
                if isRoot { print(made.source) }
                return
            }
            let verdict = try verification.run(only: only) { line in if isRoot { print(line) } }
            if isRoot { print(verdict.conclusion) }
            guard verdict.agrees else {
                if isRoot { print(Verdict.advice) }
                throw BitsDiffer(
                    description:
                        "verify-bits: expected the bits of every machine, found others \(verdict.whereOthersAre)",
                    shouldReport: isRoot)
            }
        }
    }
}

/// How something is computed of which no bit depends on it.
struct ComputingOptions: ParsableArguments {
    @Option(help: Self.help("threads"))
    var threads: String?

    @Option(help: Self.help("transport"))
    var transport: String?

    @Option(help: Self.help("instruction-set"))
    var instructionSet: String?

    /// The options of a run that has these, checked.
    func runOptions() throws(ConfigurationError) -> RunOptions {
        let words = ["threads": threads, "transport": transport, "instruction-set": instructionSet]
        var options = RunOptions(programVersion: DPTrain.version)
        try options.apply(words.compactMapValues(\.self))
        try options.validate()
        return options
    }

    private static func help(_ flag: String) -> ArgumentHelp {
        ArgumentHelp(stringLiteral: RunOptions.setting(flag)?.help ?? "")
    }
}

/// Bits differ from those of the table, on all ranks alike.
private struct BitsDiffer: AgreedFailure, CustomStringConvertible, LocalizedError {
    let description: String
    let shouldReport: Bool
    var errorDescription: String? { description }
}
