import ArgumentParser
import Collectives
import CommandLineSupport
import DataParallel
import Datasets
import Foundation
import Preflight
import Training

// What is told before a run: `dp-train doctor` and `dp-train plan`.

/// `dp-train doctor`: looks whether ranks, hosts and files are fit for a run.
struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract:
            "Check that ranks, hosts and files are fit for a run, and say what to do where they are not.",
        discussion: """
            Takes the flags of train, alone or under the mpirun command of the run itself. Shows what it has found of the MPI \
            library, processors, kernels, data, memory, clocks, limits and the output's file system, and then each finding with \
            what was expected and what to do. It reads all records once, trains nothing, and leaves nothing behind. Exit code \
            0: no findings; 78: some.
            """)

    @OptionGroup var data: DataOptions

    @OptionGroup var recipe: RecipeOption

    @OptionGroup(title: "What is to be trained, as train takes it")
    var settings: SettingOptions<TrainingConfiguration>

    @OptionGroup var runSettings: SettingOptions<RunOptions>

    @Option(help: "The run directory. (default: runs/<time stamp>)")
    var output: String?

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        try RankedRun.run(alone: { try show(.aloneUnderLauncher($0)) }) { communicator in
            let (configuration, options) = try communicator.agree(on: "checking the settings") {
                try Self.read(settings, runSettings, recipe, output: output)
            }
            communicator.presence?.limitStalls(to: options.stallTimeout.seconds)
            let diagnosis = try Examination(
                communicator, configuration: configuration, options: options,
                openDataset: { try data.locate(seed: configuration.seed) }
            ).run()
            let isRoot = communicator.rank == 0
            if isRoot { try show(diagnosis) }
            guard diagnosis.findings.isEmpty else {
                throw Findings(diagnosis.findings.map(\.subject.rawValue), shouldReport: isRoot)
            }
        }
    }

    private func show(_ diagnosis: Diagnosis) throws {
        if json { try printJSON(diagnosis) } else { diagnosis.lines.forEach { print($0) } }
    }

    /// The settings that flags and recipe make, checked as far as they can be without images and ranks.
    static func read(
        _ settings: SettingOptions<TrainingConfiguration>, _ runSettings: SettingOptions<RunOptions>,
        _ recipe: RecipeOption, output: String?
    ) throws(ConfigurationError) -> (TrainingConfiguration, RunOptions) {
        var configuration = TrainingConfiguration()
        try configuration.apply(settings.words, recipe: recipe.recipe)
        try configuration.validate()
        var options = RunOptions(programVersion: DPTrain.version)
        try options.apply(runSettings.words, over: recipe.recipe?.words() ?? [:])
        try options.validate()
        options.output = output
        return (configuration, options)
    }
}

/// Prints a value as JSON, with sorted keys in snake_case.
private func printJSON(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    print(String(decoding: try encoder.encode(value), as: UTF8.self))
}

/// `dp-train plan`: tells what a run will take.
struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract:
            "Tell what a run will take, before anything is trained: memory, bytes between hosts, files, time.",
        discussion: """
            Takes the flags of train, and how many ranks on how many hosts are meant; it needs no mpirun and writes nothing. Memory \
            is what ranks have as a rule at the most; bytes are those that reach a host in a step. The time is estimated from \
            steps that are taken for about half a second on this machine; with --growth that of steps on 1, 2, 4 and more hosts, \
            up to --hosts, each with as many ranks, by both strategies.
            """)

    @OptionGroup var data: DataOptions

    @OptionGroup var recipe: RecipeOption

    @OptionGroup(title: "What is to be trained, as train takes it")
    var settings: SettingOptions<TrainingConfiguration>

    @OptionGroup var runSettings: SettingOptions<RunOptions>

    @Option(help: "The run directory. (default: runs/<time stamp>)")
    var output: String?

    @Option(parsing: .unconditional, help: "How many ranks there will be.", transform: Values.wholeNumber)
    var ranks = 1

    @Option(
        parsing: .unconditional, help: "On how many hosts, as evenly as can be.",
        transform: Values.wholeNumber)
    var hosts = 1

    @OptionGroup var link: LinkOptions

    @Flag(help: "Also estimate steps on 1, 2, 4 and more hosts, up to --hosts.")
    var growth = false

    @Flag(help: "Let the global batch grow with the hosts of --growth: --batch-size is then that of one.")
    var weak = false

    @Flag(inversion: .prefixedNo, help: "Estimate the time; --no-estimate takes no steps.")
    var estimate = true

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard ranks >= 1, ranks <= 65_536 else {
            throw ValidationError("--ranks: expected a number from 1 to 65536, found \(ranks)")
        }
        guard hosts >= 1, hosts <= ranks else {
            throw ValidationError("--hosts: expected a number from 1 to the \(ranks) ranks, found \(hosts)")
        }
        guard growth || !weak else { throw ValidationError("--weak: expected --growth with it") }
        guard estimate || !growth else {
            throw ValidationError("--growth: expected no --no-estimate with it")
        }
        guard !growth || ranks % hosts == 0 else {
            throw ValidationError(
                "--growth: expected as many ranks on each host, found \(ranks) on \(hosts)")
        }
    }

    func run() throws {
        let program = ProgramMemory.ofThisProcess
        let link = link.link
        var plan: RunPlan
        var table: Growth?
        do {
            var (configuration, options) = try DoctorCommand.read(
                settings, runSettings, recipe, output: output)
            try options.useInstructionSet()
            let dataset = try data.locate(seed: configuration.seed)
            configuration.images = dataset.format
            let unsettled = configuration
            try configuration.settle(worldSize: ranks, nodes: options.transport == .mpi ? ranks : hosts)
            try configuration.validate(against: dataset)
            let processors = ProcessorAffinity.processorsOfNode
            let onHost = (ranks + hosts - 1) / hosts
            let threads = options.threads ?? max(1, processors / onHost)
            let shape = RunPlan.Shape(
                configuration, options: options, ranks: ranks, hosts: hosts, threads: threads,
                processors: processors, trainingCount: dataset.count(of: .training),
                testCount: dataset.count(of: .test))
            plan = RunPlan(shape, data: "\(dataset.name) (\(dataset.location))", program: program)
            if estimate { estimateTime(of: &plan, over: link) }
            if growth {
                table = try Growth(
                    unsettled, options: options, hosts: hosts, ranksPerHost: ranks / hosts, isWeak: weak,
                    threads: threads, trainingCount: plan.trainingRecords, over: link)
            }
        } catch let error as ConfigurationError {
            throw ValidationError(error.description)
        }
        plan.growth = table
        guard !json else { return try printJSON(plan) }
        let width = plan.rows.map(\.name.count).max() ?? 0
        for row in plan.rows {
            let name = row.name.isEmpty ? "" : row.name + ":"
            print(name + String(repeating: " ", count: width + 2 - name.count) + row.value)
        }
        for line in plan.growth?.lines ?? [] { print(line) }
    }

    private func estimateTime(of plan: inout RunPlan, over link: HostLink) {
        do {
            plan.take(try TimeEstimate(of: plan, over: link))
        } catch {
            Messages.printWarning("no estimate of the time: \(error)")
        }
    }
}
