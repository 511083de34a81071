import CommandLineSupport

@main
enum Main {
    static func main() async { await CommandRun.run(DPTrain.self) }
}
