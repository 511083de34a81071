package import Collectives
package import Datasets
internal import Digests
internal import DurableFiles
internal import Foundation
internal import MLPEngine
internal import OpenBLAS
internal import SystemLimits
internal import Tensors
package import Training
internal import Verification

/// Looks at the ranks, hosts and files of a run that is about to begin. It trains nothing and leaves nothing behind.
///
/// Every rank looks for itself and tells all others (``RankView``); what is wrong follows from what all have told
/// (``Judgement``). What fails on one rank is something that it tells, so that none waits for another.
package struct Examination {
    private let communicator: any Communicator
    private let configuration: TrainingConfiguration
    private let options: RunOptions
    private let openDataset: () throws -> any ImageDataset

    /// An examination.
    ///
    /// - Parameters:
    ///   - communicator: The ranks.
    ///   - configuration: What is to be trained, validated; the same on every rank.
    ///   - options: How; the same on every rank.
    ///   - openDataset: Opens this rank's data set.
    package init(
        _ communicator: any Communicator, configuration: TrainingConfiguration, options: RunOptions,
        openDataset: @escaping () throws -> any ImageDataset
    ) {
        (self.communicator, self.configuration) = (communicator, configuration)
        (self.options, self.openDataset) = (options, openDataset)
    }

    private var placement: NodePlacement { communicator.placement }

    /// Looks at everything. Collective: every rank must call it.
    ///
    /// - Returns: The same on every rank.
    /// - Throws: `ConfigurationError`, on all ranks together, for settings that cannot be used; or the communicator's error.
    package func run() throws -> Diagnosis {
        // Ranks of different programs may not even speak the same language: this comes first, and alone.
        let program = ProgramFile.ofThisProcess
        let programs = try communicator.allgather(text: program.line).map(ProgramFile.init(line:))
        var diagnosis = Diagnosis()
        Judgement(placement).compare(programs, &diagnosis)
        guard diagnosis.findings.isEmpty else { return diagnosis }

        try communicator.agree(on: "choosing the instruction set") { try options.useInstructionSet() }
        let dataset = Result { try openDataset() }
        var configuration = self.configuration
        let counts = try settle(&configuration, dataset)
        let view = try look(configuration, dataset, counts)
        let encoded = String(decoding: try JSONEncoder().encode(view), as: UTF8.self)
        let views = try communicator.allgather(text: encoded).map {
            try JSONDecoder().decode(RankView.self, from: Data($0.utf8))
        }
        Judgement(placement).judge(views, configuration, &diagnosis)
        return diagnosis
    }

    /// The records of a data set, known to ranks that have not found it, too.
    private struct Counts: Codable {
        let format: ImageFormat
        let training: Int
        let test: Int
    }

    /// Settles the configuration by the images that the first rank with a data set has found, and checks it. Collective.
    private func settle(
        _ configuration: inout TrainingConfiguration, _ dataset: Result<any ImageDataset, any Error>
    ) throws -> Counts {
        let own = try? dataset.get()
        let standard = SyntheticDataset(seed: configuration.seed)
        let source = own ?? standard
        let first = try communicator.allreduce(
            Int64(own == nil ? communicator.size : communicator.rank), .minimum)
        let counts = Counts(
            format: source.format, training: source.count(of: .training), test: source.count(of: .test))
        let text = try communicator.broadcast(
            text: String(decoding: try JSONEncoder().encode(counts), as: UTF8.self),
            root: Int(first) % communicator.size)
        let agreed = try JSONDecoder().decode(Counts.self, from: Data(text.utf8))
        var settled = configuration
        settled.images = agreed.format
        configuration = try communicator.agree(on: "checking the settings against the data set") {
            try settled.settle(worldSize: communicator.size, nodes: options.nodeCount(of: placement))
            try settled.validate()
            // Of ranks that have found another set this is no news.
            if communicator.rank == Int(first) { try own.map { try settled.validate(against: $0) } }
            return settled
        }
        return agreed
    }

    private func look(
        _ configuration: TrainingConfiguration, _ dataset: Result<any ImageDataset, any Error>,
        _ counts: Counts
    ) throws -> RankView {
        let mlp = MLP(configuration.model)
        let threads = options.threads ?? ProcessorShare.threads(of: communicator)
        let shape = RunPlan.Shape(
            configuration, options: options, placement: placement, threads: threads,
            processors: ProcessorAffinity.processorsOfNode, trainingCount: counts.training,
            testCount: counts.test)
        let memory = shape.memoryPlan(ofRank: communicator.rank, mlp)
        let node = try memory.bytesOfNode(over: communicator)
        let sharedBytes = memory.sharedObjects(ofRanks: placement.localSize)
        // What is written last is looked for first, while nothing else has been touched.
        let space = FileSystemSpace(at: Self.sharedMemoryFolder)
        let clock = try readClock()
        let singleCopy = try SingleCopy.attempt(over: communicator)
        let stepsPerEpoch = LogicalShards.stepsPerEpoch(
            records: counts.training - configuration.validationSize,
            shards: configuration.logicalShards ?? 1, globalBatch: configuration.batchSize,
            shuffle: configuration.shuffle)
        var view = RankView(
            rank: communicator.rank, host: placement.hostNames[placement.nodeIndex],
            node: placement.nodeIndex, reservedTasks: Self.reservedTasks,
            library: communicator.implementation,
            processors: .init(
                bound: ProcessorAffinity.ofCurrentThread?.processors ?? [],
                ofHost: ProcessorAffinity.processorsOfNode, quota: ProcessorAffinity.processorQuota),
            threads: threads, startedThreads: Self.startedThreads(threads),
            kernels: Self.kernels(configuration),
            memory: .init(
                own: Int(memory.usual), shared: Int(memory.touched), available: AvailableMemory.bytes,
                refusal: memory.refusal(node: node, ranks: placement.localSize)?.description),
            sharedObjects: sharedBytes == 0
                ? nil : .init(path: Self.sharedMemoryFolder, needed: sharedBytes, free: space?.free),
            sendsWithinHost: options.transport == .mpi && placement.localSize > 1,
            allowsConcurrentCalls: communicator.allowsConcurrentCalls, clock: clock,
            limits: .ofThisProcess,
            output: communicator.rank == 0
                ? OutputFolder.examine(
                    options.output, checkpoints: RunPlan.Checkpoints(shape, mlp, stepsPerEpoch: stepsPerEpoch)
                )
                : nil)
        if case .refused(let reason) = singleCopy { view.singleCopyRefusal = reason }
        do { view.arithmetic = try arithmetic(configuration, stepsPerEpoch: stepsPerEpoch) } catch {
            view.arithmeticFailure = Self.message(error)
        }
        do { view.data = try readAll(dataset.get()) } catch { view.dataFailure = Self.message(error) }
        return view
    }

    static let sharedMemoryFolder = "/dev/shm"

    /// Reads this rank's part of all records, of which those of a host divide the whole among them.
    private func readAll(_ dataset: any ImageDataset) throws -> RankView.Data {
        var fingerprint: UInt64 = 0
        for split in DatasetSplit.allCases {
            let records = Range(
                part: placement.localRank, of: placement.localSize, dividing: dataset.count(of: split))
            fingerprint &+= try dataset.read(split, records: Array(records)).fingerprint
        }
        return RankView.Data(
            name: dataset.name, location: dataset.location, trainingCount: dataset.count(of: .training),
            testCount: dataset.count(of: .test), sample: try DatasetIdentity(of: dataset).content,
            fingerprint: fingerprint)
    }

    private func arithmetic(
        _ configuration: TrainingConfiguration, stepsPerEpoch: Int
    ) throws -> RankView.Arithmetic {
        let probe = try ArithmeticProbe(configuration, stepsPerEpoch: max(1, stepsPerEpoch))
        let table = ReferenceTable.current.kernels
        let differing = try KernelCheck.all.filter {
            try KernelCheck.digest(of: $0.bits()) != table[$0.name]
        }
        return RankView.Arithmetic(
            hashes: probe.hashes, differing: differing.map(\.name), kernelCount: KernelCheck.all.count)
    }

    /// The time of day right behind some barriers. Collective.
    private func readClock() throws -> [Double] {
        try (0..<5).map { _ in
            try communicator.barrier()
            return Date().timeIntervalSince1970
        }
    }

    /// How many threads of a rank can be had, the first one included.
    private static func startedThreads(_ count: Int) -> Int {
        ProcessorAffinity.withAffinityToAllProcessors { WorkerTeam(upTo: count) }.threadCount
    }

    private static func kernels(_ configuration: TrainingConfiguration) -> RankView.Kernels {
        let (used, best) = (InstructionSet.used, InstructionSet.best)
        let isOpenBLAS = configuration.products == .openBLAS
        let name = isOpenBLAS ? OpenBLAS.kernelName : nil
        return RankView.Kernels(
            used: used.name, better: used < best ? best.name : nil, areEmulated: used.emulatesMultiplyAdd,
            openBLAS: name, betterForOpenBLAS: name.flatMap { OpenBLASKernels.better(than: $0, on: best) },
            coreType: ProcessInfo.processInfo.environment["OPENBLAS_CORETYPE"])
    }

    /// What a batch system says in the environment of a job that it has started.
    private static var reservedTasks: Int? {
        let environment = ProcessInfo.processInfo.environment
        return ["SLURM_NTASKS", "PBS_NP", "LSB_DJOB_NUMPROC"].lazy.compactMap {
            environment[$0].flatMap { Int($0) }
        }
        .first
    }

    private static func message(_ error: any Error) -> String {
        (error as? any LocalizedError)?.errorDescription ?? String(describing: error)
    }
}

/// The file of a rank's program.
package struct ProgramFile: Equatable {
    /// Of which CPUs: those of different ones have different files.
    let architecture: String
    /// SHA-256; empty where the file cannot be read.
    let sha256: String

    /// In one line, which every version of the program understands.
    package var line: String { "\(architecture) \(sha256)" }

    package init(line: String) {
        let words = line.split(separator: " ", omittingEmptySubsequences: false)
        architecture = words.first.map(String.init) ?? ""
        sha256 = words.count > 1 ? String(words[1]) : ""
    }

    /// That of this process.
    static var ofThisProcess: ProgramFile {
        #if arch(x86_64)
        let architecture = "x86-64"
        #elseif arch(arm64)
        let architecture = "arm64"
        #else
        let architecture = "another"
        #endif
        #if os(Linux)
        let path: String? = "/proc/self/exe"
        #else
        let path = Bundle.main.executableURL?.path
        #endif
        return ProgramFile(line: "\(architecture) \(path.flatMap(digest) ?? "")")
    }

    private static func digest(_ path: String) -> String? {
        guard let file = FileHandle(forReadingAtPath: path) else { return nil }
        defer { try? file.close() }
        var digest = Digest.sha256()
        do {
            while let piece = try file.read(upToCount: 1 << 20), !piece.isEmpty {
                piece.withUnsafeBytes { digest.update($0) }
            }
            return digest.hexadecimal
        } catch {
            return nil
        }
    }
}

/// For which instruction sets OpenBLAS's kernels are made, by the names that it has for CPUs.
enum OpenBLASKernels {
    private static let wide = ["skylakex", "cooperlake", "sapphirerapids", "zen4", "zen5"]
    private static let middle = ["haswell", "zen", "excavator", "broadwell"]
    private static let narrow = [
        "prescott", "core2", "penryn", "dunnington", "atom", "nehalem", "sandybridge", "bulldozer",
        "piledriver", "steamroller", "bobcat", "barcelona", "opteron", "opteron_sse3", "nano", "athlon",
        "katmai", "coppermine", "northwood", "banias", "generic",
    ]

    /// What the CPU has for better kernels than those of this name; nil where it has none, or nobody knows.
    static func better(than name: String, on best: InstructionSet) -> String? {
        let name = name.lowercased()
        let level = wide.contains(name) ? 2 : middle.contains(name) ? 1 : narrow.contains(name) ? 0 : nil
        guard let level else { return nil }
        switch best {
        case .avx512, .avx512VNNI, .avx512BF16, .amx: return level < 2 ? InstructionSet.avx512.name : nil
        case .avx2, .avx2VNNI: return level < 1 ? InstructionSet.avx2.name : nil
        case .baseline, .neonDot: return nil
        }
    }
}

/// The folder that a run writes to.
enum OutputFolder {
    /// Looks whether rank 0 can write a run and its checkpoints there. What it makes it removes.
    static func examine(_ output: String?, checkpoints: RunPlan.Checkpoints) -> RankView.Output {
        let path = output ?? "runs"
        var folder = path
        while !FileManager.default.fileExists(atPath: folder), folder != "/", folder != "." {
            folder = Files.parent(of: folder)
        }
        let space = FileSystemSpace(at: folder)
        var view = RankView.Output(
            path: path, folder: folder, free: space?.free, checkpointBytes: checkpoints.bytes,
            keptBytes: checkpoints.keptBytes)
        if output != nil, RunDirectory(path: path).holdsRun { view.occupant = "a run" }
        let probe = folder + "/.dp-train-doctor-\(ProcessInfo.processInfo.processIdentifier)"
        do throws(FileError) {
            switch try FileLock.take(probe) {
            case .taken(let lock): lock.release()
            case .held(let holder): view.lockRefusal = "locked by \(holder)"
            case .unsupported(let reason): view.lockRefusal = reason
            }
        } catch {
            view.refusal = error.reason
        }
        return view
    }
}
