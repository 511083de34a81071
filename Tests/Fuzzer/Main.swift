import Foundation

/// `dp-train-fuzz TARGET FOLDER [--seed S] [--from I] [--count N | --seconds T]`: hands a parser one input after another
/// until the count or time is reached. Input I follows from S and I alone.
///
/// `FOLDER/input` and `FOLDER/index` are the input under way: a process that dies leaves there what it died of.
/// `dp-train-fuzz TARGET FOLDER --input FILE` takes one input from a file; `dp-train-fuzz --list FOLDER` names the targets.
///
/// Exit codes: 0, every input was accepted or refused; 3, another error, or a wrong result; a signal, anything else.
@main
enum Main {
    static func main() throws {
        var words = CommandLine.arguments.dropFirst()
        guard words.count >= 2 else { fail("expected a target and a folder", code: 64) }
        let (name, folder) = (words.removeFirst(), words.removeFirst())
        var options: [String: String] = [:]
        while words.count >= 2 { options[words.removeFirst()] = words.removeFirst() }

        let targets = try FuzzTarget.all(in: folder)
        if name == "--list" { return print(targets.map(\.name).joined(separator: "\n")) }
        guard let target = (targets + FuzzTarget.planted(in: folder)).first(where: { $0.name == name }) else {
            fail("no target \(name)", code: 64)
        }
        InputLimits.limitMemory()
        var limits = InputLimits()
        limits.processorSeconds =
            options["--processor-seconds"].flatMap { Int($0) } ?? limits.processorSeconds
        limits.waitingSeconds = options["--waiting-seconds"].flatMap { Int($0) } ?? limits.waitingSeconds
        var loop = FuzzLoop(target: target, limits: limits, folder: folder)
        if let file = options["--input"] {
            try loop.take(Array(Data(contentsOf: URL(filePath: file))), index: 0)
        } else {
            try loop.run(
                seed: options["--seed"].flatMap { UInt64($0) } ?? 1,
                from: options["--from"].flatMap { Int($0) } ?? 0,
                count: options["--count"].flatMap { Int($0) } ?? .max,
                seconds: options["--seconds"].flatMap { Double($0) } ?? .infinity)
        }
        print("\(name): \(loop.inputs) inputs, \(loop.accepted) accepted")
    }

    static func fail(_ message: String, code: Int32) -> Never {
        try? FileHandle.standardError.write(contentsOf: Data((message + "\n").utf8))
        exit(code)
    }
}

/// One input after another.
struct FuzzLoop {
    private(set) var inputs = 0
    private(set) var accepted = 0

    private let target: FuzzTarget
    private let limits: InputLimits
    private let inputFile: Int32
    private let indexFile: Int32

    init(target: FuzzTarget, limits: InputLimits, folder: String) {
        self.target = target
        self.limits = limits
        inputFile = open(folder + "/input", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        indexFile = open(folder + "/index", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard inputFile >= 0, indexFile >= 0 else { Main.fail("\(folder): cannot write there", code: 64) }
    }

    mutating func run(seed: UInt64, from first: Int, count: Int, seconds: Double) throws {
        let start = ContinuousClock.now
        // The valid ones first: a parser that refuses them is not tested by their variations.
        if first == 0 {
            for (index, bytes) in target.seeds.enumerated() {
                try take(bytes, index: -1)
                if accepted == index { Main.fail("a valid input was refused: number \(index)", code: 3) }
            }
        }
        var index = first
        while index - first < count, (ContinuousClock.now - start) / .seconds(1) < seconds {
            var mutator = Mutator(
                seed: seed &* 0x9e37_79b9_7f4a_7c15 &+ UInt64(index), seeds: target.seeds,
                tokens: target.tokens,
                isText: target.isText)
            try take(mutator.input(), index: index)
            index += 1
        }
    }

    mutating func take(_ input: [UInt8], index: Int) throws {
        note(input, index: index)
        inputs += 1
        limits.startClocks()
        do {
            try target.take(input)
            accepted += 1
        } catch {
            if !FuzzTarget.isRefusal(error) { Main.fail("\(type(of: error)): \(error)", code: 3) }
            if index < 0 { Main.fail("a valid input was refused: \(error)", code: 3) }
        }
        limits.stopClocks()
    }

    private func note(_ input: [UInt8], index: Int) {
        let number = Array("\(index)\n".utf8)
        pwrite(indexFile, number, number.count, 0)
        ftruncate(indexFile, off_t(number.count))
        pwrite(inputFile, input, input.count, 0)
        ftruncate(inputFile, off_t(input.count))
    }
}
