import ArgumentParser
import CommandLineSupport

// Where the program starts.

/// The root command; alone it means `dp-train train`.
struct DPTrain: AsyncParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "dp-train",
        abstract: "Trains multi-layer perceptrons on small images, data-parallel over MPI.",
        discussion: """
            Alone it runs on this machine's processors; 'mpirun -np 4 dp-train' runs on four ranks.

            Exit codes: 0 success; 1 failure while running; 64 a setting that cannot be used; 69 a rank stood still; \
            74 trained, to the end or until stopped, but the last checkpoint, the summary or records could not be written; \
            75 stopped by SIGTERM, SIGINT or SIGUSR1 after writing a checkpoint; 78 doctor has findings. Before the first \
            step, and once the last checkpoint has been written, these signals end the program as they end any other.
            """,
        version: version,
        subcommands: [
            TrainCommand.self, ElasticCommand.self, DoctorCommand.self, PlanCommand.self, RecipesCommand.self,
            StudyCommand.self, DescribeCommand.self, EvaluateCommand.self, ClassifyCommand.self,
            InspectCommand.self, DiffCommand.self, ExportCommand.self, PlotCommand.self, ReportCommand.self,
            DataCommand.self, BenchmarkCommand.self, VerifyBitsCommand.self, GradcheckCommand.self,
        ],
        defaultSubcommand: TrainCommand.self)
}

@main
enum Main {
    static func main() async { await CommandRun.run(DPTrain.self) }
}
