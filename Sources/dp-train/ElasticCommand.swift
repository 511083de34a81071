import ArgumentParser
import CommandLineSupport
import Foundation
import Supervision
import Training

/// `dp-train elastic`: trains on several ranks, and goes on when some of them fail.
struct ElasticCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "elastic",
        abstract: "Train on several ranks, and go on from the newest checkpoint when ranks or hosts fail.",
        discussion: """
            Runs 'mpirun -np N dp-train train FLAGS' and, when that fails, starts it again, on the hosts of --hostfile that \
            answer: the same bits as those of a run that nothing happened to. A setting that cannot be used is not tried \
            again, nor is a failure that repeats at one place. SIGTERM and SIGINT stop the run as they stop train. What happened is \
            in incidents.jsonl in the run directory.
            """)

    @Option(name: [.customLong("np", withSingleDash: true), .customLong("np")], help: "Ranks.")
    var ranks: Int

    @Option(name: .customLong("min-np"), help: "With fewer ranks the run does not go on.")
    var minimumRanks = 1

    @Option(help: "How often the run is started again at most.")
    var maxRestarts = 10

    @Option(help: "A host file of Open MPI, with lines as 'node-1 slots=4'.")
    var hostfile: String?

    @Option(
        help: """
            Seconds after which a run with fewer ranks than --np looks for hosts that are back, to go on with them. \
            (default: never)
            """)
    var growAfter: Double?

    @Option(
        help: """
            Seconds that a start may take until the run has its directory, with the data read on all ranks; then the job is \
            ended and started again. 0 for any time.
            """)
    var startTimeout = 600.0

    @Option(
        help: "The launcher with its own flags. (default: mpirun, with --oversubscribe where it is needed)")
    var launcher: String?

    @Option(
        help: """
            What runs a command on another host, for this program and, as plm_rsh_agent, for Open MPI. (default: ssh)
            """)
    var agent: String?

    @Option(help: "The run directory. (default: runs/<time stamp>)")
    var output: String?

    @Argument(parsing: .postTerminator, help: "Flags of train.")
    var flags: [String] = []

    func validate() throws {
        guard ranks >= 1 else { throw ValidationError("--np: expected a whole number ≥ 1, found \(ranks)") }
        guard (1...ranks).contains(minimumRanks) else {
            throw ValidationError(
                "--min-np: expected a whole number from 1 to --np, \(ranks), found \(minimumRanks)")
        }
        guard maxRestarts >= 0 else {
            throw ValidationError("--max-restarts: expected a whole number ≥ 0, found \(maxRestarts)")
        }
        if let growAfter, !(growAfter > 0 && growAfter.isFinite) {
            throw ValidationError("--grow-after: expected seconds > 0, found \(growAfter)")
        }
        guard startTimeout >= 0, startTimeout.isFinite else {
            throw ValidationError("--start-timeout: expected seconds ≥ 0, found \(startTimeout)")
        }
        for (name, words) in [("--launcher", launcher), ("--agent", agent)]
        where words?.split(separator: " ").isEmpty == true {
            throw ValidationError("\(name): expected a command, found none")
        }
        let own = ["--output", "--resume"]
        if let flag = flags.first(where: { word in own.contains { word == $0 || word.hasPrefix($0 + "=") } })
        {
            throw ValidationError("\(flag): expected before --, as elastic's own --output, found behind it")
        }
    }

    func run() throws {
        func words(_ text: String) -> [String] { text.split(separator: " ").map(String.init) }
        let hosts = try hostfile.map { try Hosts(file: $0) }
        let isCrowded = hosts == nil && ranks > ProcessInfo.processInfo.activeProcessorCount
        if let agent { setenv("OMPI_MCA_plm_rsh_agent", agent, 1) }
        // By default Open MPI waits for ever for a host that is lost while its daemon is being started there.
        setenv("OMPI_MCA_orte_startup_timeout", "60", 0)
        let directory =
            try output.map { RunDirectory(path: $0) } ?? RunDirectory.createTimeStamped().directory
        var options = RunOptions(programVersion: DPTrain.version)
        if let word = stallTimeout { try options.apply(["stall-timeout": word], over: [:]) }
        let supervisor = Supervisor(
            .init(
                launcher: launcher.map(words) ?? ["mpirun"] + (isCrowded ? ["--oversubscribe"] : []),
                program: Bundle.main.executablePath ?? CommandLine.arguments[0], flags: flags,
                directory: directory, ranks: ranks, minimumRanks: minimumRanks, hosts: hosts,
                agent: words(agent ?? "ssh -o BatchMode=yes -o ConnectTimeout=5"), growAfter: growAfter,
                stallTimeout: options.stallTimeout.seconds,
                startTimeout: startTimeout == 0 ? nil : startTimeout),
            stopRequested: { StopSignal.wasReceived },
            note: { Messages.printWarning("elastic: \($0)") })
        StopSignal.watch()
        let code = try supervisor.run(RestartPolicy(maxRestarts: maxRestarts))
        guard code == 0 else { throw ArgumentParser.ExitCode(code) }
    }

    /// The last `--stall-timeout` among the flags of train.
    private var stallTimeout: String? {
        let name = "--stall-timeout"
        return flags.indices.reversed().lazy.compactMap { index in
            if flags[index].hasPrefix(name + "=") { return String(flags[index].dropFirst(name.count + 1)) }
            return flags[index] == name && index + 1 < flags.endIndex ? flags[index + 1] : nil
        }.first
    }
}
