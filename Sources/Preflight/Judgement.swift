package import Collectives
internal import Foundation
internal import SystemLimits
package import Training

/// What is wrong with what ranks have told of themselves. It looks at nothing itself, so that whatever ranks can tell can be
/// judged.
package struct Judgement {
    /// Which rank runs where.
    let placement: NodePlacement

    package init(_ placement: NodePlacement) { self.placement = placement }

    /// Clocks that differ by less are as good as the same: files, records and logs bear seconds.
    static let clockTolerance = 1.0
    /// Files that a rank has open besides its connections.
    static let filesOfRank = 64

    /// Compares the programs of all ranks.
    package func compare(_ programs: [ProgramFile], _ diagnosis: inout Diagnosis) {
        for architecture in Set(programs.map(\.architecture)).sorted() {
            let ranks = programs.indices.filter { programs[$0].architecture == architecture }
            guard Set(ranks.map { programs[$0].sha256 }).count > 1 else { continue }
            diagnosis.find(
                .program, expected: "the same program on all ranks",
                found: described(ranks.map { ($0, "SHA-256 \(programs[$0].sha256.prefix(16))…") }),
                advice:
                    "put the same build on every host, or into a folder that all hosts see; nothing else was looked at,"
                    + " as ranks of different programs may not understand one another")
        }
        if diagnosis.findings.isEmpty {
            let digests = Set(programs.map(\.line)).sorted().map { $0.prefix(24) + "…" }
            diagnosis.note("program", "\(digests.joined(separator: ", ")), the same on all ranks")
        }
    }

    /// Judges everything that ranks have told.
    package func judge(
        _ views: [RankView], _ configuration: TrainingConfiguration, _ diagnosis: inout Diagnosis
    ) {
        world(views, &diagnosis)
        library(views, configuration, &diagnosis)
        processors(views, &diagnosis)
        binding(views, &diagnosis)
        kernels(views, &diagnosis)
        arithmetic(views, &diagnosis)
        data(views, &diagnosis)
        memory(views, &diagnosis)
        sharedMemory(views, &diagnosis)
        singleCopy(views, &diagnosis)
        clock(views, &diagnosis)
        limits(views, &diagnosis)
        output(views, &diagnosis)
    }

    private var hosts: Range<Int> { 0..<placement.nodeCount }

    private func views(_ views: [RankView], on host: Int) -> [RankView] { views.filter { $0.node == host } }

    /// `A on ranks 0-1 (host a), B on rank 2 (host b)`.
    private func described(_ values: [(rank: Int, text: String)]) -> String {
        var texts: [String] = []
        for value in values where !texts.contains(value.text) { texts.append(value.text) }
        return texts.map { text in
            let ranks = values.filter { $0.text == text }.map(\.rank)
            return "\(text) on \(placement.names(ofRanks: ranks))"
        }.joined(separator: ", ")
    }

    /// The same, but without ranks where all are alike.
    private func summed(_ views: [RankView], _ text: (RankView) -> String) -> String {
        let values = views.map { (rank: $0.rank, text: text($0)) }
        return Set(values.map(\.text)).count == 1 ? values[0].text : described(values)
    }

    // MARK: Ranks and processors

    /// One process in a job for many has been started without a launcher.
    private func world(_ views: [RankView], _ diagnosis: inout Diagnosis) {
        guard views.count == 1, let tasks = views[0].reservedTasks, tasks > 1 else { return }
        diagnosis.find(
            .launcher, expected: "the \(tasks) processes that the batch system has reserved room for",
            found: "one alone",
            advice: "start the program with mpirun, or srun --mpi=pmix, in the job")
    }

    private func library(
        _ views: [RankView], _ configuration: TrainingConfiguration, _ diagnosis: inout Diagnosis
    ) {
        let ranks = RunPlan.counted(views.count, "rank")
        let names = hosts.map {
            placement.hostNames[$0] + (hosts.count == 1 ? "" : " (\(placement.localSizes[$0]))")
        }
        diagnosis.note("ranks", "\(ranks) on \(names.joined(separator: ", "))")
        diagnosis.note("library", summed(views, \.library))
        if Set(views.map(\.library)).count > 1 {
            diagnosis.find(
                .library, expected: "one MPI library on all ranks",
                found: described(views.map { ($0.rank, $0.library) }),
                advice: "install the same version on every host")
        }
        let late = views.filter { !$0.allowsConcurrentCalls }
        if placement.nodeCount > 1, configuration.strategy == .factorExchange, !late.isEmpty {
            diagnosis.find(
                .library, expected: "MPI_THREAD_MULTIPLE, for batches that travel while a step computes",
                found: "less on \(placement.names(ofRanks: late.map(\.rank)))",
                advice:
                    "take an MPI library that was built with support of threads; without it every step waits for its pixels"
            )
        }
    }

    private func processors(_ views: [RankView], _ diagnosis: inout Diagnosis) {
        var texts: [(Int, String)] = []
        for host in hosts {
            let ranks = self.views(views, on: host)
            guard let first = ranks.first else { continue }
            let threads = ranks.reduce(0) { $0 + $1.threads }
            let quota = first.processors.quota.map {
                ", time of \(RunPlan.counted($0, "processor")) by control groups"
            }
            let count = RunPlan.counted(first.processors.ofHost, "processor")
            let each = Set(ranks.map(\.threads)).count == 1 ? " of \(ranks[0].threads)" : ""
            let wanted =
                "\(RunPlan.counted(threads, "thread")) by \(RunPlan.counted(ranks.count, "rank"))\(each)"
            texts += ranks.map { ($0.rank, "\(wanted) on \(count)\(quota ?? "")") }
            guard threads > first.processors.ofHost else { continue }
            diagnosis.find(
                .threads,
                expected:
                    "at most \(first.processors.ofHost) threads on host \(first.host), which has \(count)"
                    + (quota ?? ""),
                found: wanted,
                advice: ranks.count > first.processors.ofHost
                    ? "start at most \(first.processors.ofHost) ranks on the host"
                        + ((first.processors.quota ?? .max) <= first.processors.ofHost
                            ? ", or raise the quota (cpu.max, docker --cpus)" : "")
                    : "--threads \(first.processors.ofHost / ranks.count), or none: it is the default"
                        + ((first.processors.quota ?? .max) <= first.processors.ofHost
                            ? "; or raise the quota (cpu.max, docker --cpus)" : ""))
        }
        diagnosis.note("threads", Set(texts.map(\.1)).count == 1 ? texts[0].1 : described(texts))
        let missing = views.filter { $0.startedThreads < $0.threads }
        if !missing.isEmpty {
            diagnosis.find(
                .threads, expected: "a system that starts the threads of every rank",
                found: described(missing.map { ($0.rank, "\($0.startedThreads) of \($0.threads)") }),
                advice:
                    "raise the limits of processes (ulimit -u, pids.max) and of addresses (ulimit -v), or --threads fewer"
            )
        }
    }

    private func binding(_ views: [RankView], _ diagnosis: inout Diagnosis) {
        let known = views.filter { !$0.processors.bound.isEmpty }
        guard !known.isEmpty else { return }
        diagnosis.note(
            "binding",
            summed(known) { view in
                view.processors.bound.count >= view.processors.ofHost
                    ? "none" : "to \(RunPlan.counted(view.processors.bound.count, "processor"))"
            })
        for host in hosts {
            let ranks = self.views(known, on: host)
            // Too many ranks have been found already.
            guard let first = ranks.first, ranks.count <= first.processors.ofHost else { continue }
            let crowds = Dictionary(grouping: ranks) { $0.processors.bound }.filter {
                $0.value.count > $0.key.count
            }
            for (processors, crowd) in crowds.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
                let list = processors.map(String.init).joined(separator: ", ")
                diagnosis.find(
                    .binding, expected: "processors of their own for the ranks of host \(first.host)",
                    found:
                        "\(placement.names(ofRanks: crowd.map(\.rank))) all bound to \(processors.count == 1 ? "processor" : "processors") \(list)",
                    advice: "mpirun --bind-to none, or one job on the host at a time")
            }
        }
    }

    // MARK: What computes

    private func kernels(_ views: [RankView], _ diagnosis: inout Diagnosis) {
        diagnosis.note(
            "kernels",
            summed(views) { view in
                view.kernels.openBLAS.map { "OpenBLAS's for \($0), else \(view.kernels.used)" }
                    ?? view.kernels.used
            })
        let lesser = views.filter { $0.kernels.better != nil }
        if !lesser.isEmpty {
            diagnosis.find(
                .kernels, expected: "the best kernels that the CPU has",
                found: described(
                    lesser.map { ($0.rank, "\($0.kernels.used) instead of \($0.kernels.better ?? "")") }),
                advice: "leave out --instruction-set, which is for comparisons")
        }
        let slow = views.filter { $0.kernels.areEmulated && $0.kernels.better == nil }
        if !slow.isEmpty {
            diagnosis.find(
                .kernels, expected: "a CPU with fused multiply-adds",
                found: described(
                    slow.map {
                        ($0.rank, "one that has none, for which they are computed by other means, slowly")
                    }),
                advice: "train on other hosts; the bits are the same")
        }
        let blas = views.filter { $0.kernels.betterForOpenBLAS != nil }
        if !blas.isEmpty {
            diagnosis.find(
                .kernels, expected: "OpenBLAS's kernels for what the CPU has",
                found: described(
                    blas.map { view in
                        let reason = view.kernels.coreType.map { " by OPENBLAS_CORETYPE=\($0)" } ?? ""
                        return (
                            view.rank,
                            "those for \(view.kernels.openBLAS ?? "")\(reason), where the CPU has \(view.kernels.betterForOpenBLAS ?? "")"
                        )
                    }),
                advice: "take OPENBLAS_CORETYPE out of the environment, or set it to a CPU of the better kind"
            )
        }
        for host in hosts {
            let ranks = self.views(views, on: host)
            guard Set(ranks.map(\.kernels.used)).count > 1 else { continue }
            diagnosis.find(
                .kernels,
                expected: "one instruction set on all ranks of a host, which read what others have packed",
                found: described(ranks.map { ($0.rank, $0.kernels.used) }),
                advice: "the same --instruction-set for all, or --transport mpi")
        }
    }

    private func arithmetic(_ views: [RankView], _ diagnosis: inout Diagnosis) {
        let count = views.compactMap(\.arithmetic).first?.kernelCount ?? 0
        let differing = views.filter { !($0.arithmetic?.differing.isEmpty ?? true) }
        if !differing.isEmpty {
            diagnosis.find(
                .arithmetic, expected: "the bits of every machine from all \(count) kernels",
                found: described(
                    differing.map { view in
                        let names = view.arithmetic?.differing ?? []
                        return (view.rank, "others from \(names.count), the first \(names[0]),")
                    }),
                advice:
                    "dp-train verify-bits tells more; look for what changes the rounding of the process (a preloaded"
                    + " library, flushing of small numbers to zero), an emulated or defective CPU, or another build"
            )
        }
        let hashes = views.compactMap { view in view.arithmetic.map { (rank: view.rank, hashes: $0.hashes) } }
        if Set(hashes.map(\.hashes)).count > 1, differing.isEmpty {
            diagnosis.find(
                .arithmetic, expected: "the same bits of a training step on all ranks",
                found: described(hashes.map { ($0.rank, "bits with hash \(hash($0.hashes))") }),
                advice: "dp-train verify-bits on each of the hosts tells which errs")
        }
        let failed = views.filter { $0.arithmeticFailure != nil }
        if !failed.isEmpty {
            diagnosis.find(
                .arithmetic, expected: "memory for trying the kernels",
                found: described(failed.map { ($0.rank, $0.arithmeticFailure ?? "") }),
                advice: "see the findings about memory")
        }
        if differing.isEmpty, failed.isEmpty {
            diagnosis.note("arithmetic", "the bits of every machine from \(count) of \(count) kernels")
        }
    }

    private func hash(_ hashes: [UInt64]) -> String {
        String(hashes.reduce(0) { $0 &* 31 &+ $1 }, radix: 16)
    }

    // MARK: Data

    private func data(_ views: [RankView], _ diagnosis: inout Diagnosis) {
        let failed = views.filter { $0.dataFailure != nil }
        if !failed.isEmpty {
            diagnosis.find(
                .data, expected: "a data set that every rank can read as a whole",
                found: described(failed.map { ($0.rank, $0.dataFailure ?? "") }),
                advice:
                    "put the data where --data says on every host; dp-train data verify looks at it more closely"
            )
        }
        let found = views.compactMap { view in view.data.map { (rank: view.rank, data: $0) } }
        guard let first = found.first else { return }
        func text(_ data: RankView.Data) -> String {
            "\(data.name) (\(data.location)): \(data.trainingCount) + \(data.testCount) records"
        }
        func identity(_ data: RankView.Data) -> [String] {
            [data.name, "\(data.trainingCount)", "\(data.testCount)", "\(data.sample)"]
        }
        let places = found.map {
            (
                rank: $0.rank,
                text: "\(text($0.data)), fingerprint of some \(String($0.data.sample, radix: 16))"
            )
        }
        if Set(found.map { identity($0.data) }).count > 1 {
            diagnosis.find(
                .data, expected: "the same data set on all ranks", found: described(places),
                advice:
                    "put the same data on every host and name it with an absolute --data (Open MPI hands DP_TRAIN_DATA to"
                    + " other hosts only with -x); without a path a rank that finds none takes the synthetic set"
            )
        } else if failed.isEmpty {
            let ofHosts = hosts.map { host in
                found.filter { placement.nodeOfRank[$0.rank] == host }.reduce(UInt64(0)) {
                    $0 &+ $1.data.fingerprint
                }
            }
            if Set(ofHosts).count > 1 {
                diagnosis.find(
                    .data, expected: "the same records on all hosts",
                    found: described(
                        found.map {
                            let sum = ofHosts[placement.nodeOfRank[$0.rank]]
                            return ($0.rank, "\($0.data.location) with fingerprint \(String(sum, radix: 16))")
                        }),
                    advice:
                        "copy the data set anew, or dp-train data fetch, where it is not the published one")
            } else {
                let sum = String(ofHosts[0], radix: 16)
                diagnosis.note("data", "\(text(first.data)), fingerprint \(sum)")
            }
        }
    }

    // MARK: Memory

    private func memory(_ views: [RankView], _ diagnosis: inout Diagnosis) {
        var texts: [(Int, String)] = []
        for host in hosts {
            let ranks = self.views(views, on: host)
            guard let first = ranks.first else { continue }
            let shared =
                first.sendsWithinHost ? ranks.reduce(0) { $0 + $1.memory.shared } : first.memory.shared
            let needed = ranks.reduce(shared) { $0 + $1.memory.own }
            texts += ranks.map {
                (
                    $0.rank,
                    "\(RunPlan.bytes(needed)) of \(RunPlan.bytes(first.memory.available)) that are left"
                )
            }
            if let refusal = ranks.compactMap(\.memory.refusal).first {
                // A limit of addresses has words of its own.
                diagnosis.find(
                    refusal.contains("ulimit -v") ? .addresses : .memory,
                    expected: "memory for what a run writes at least on host \(first.host)", found: refusal,
                    advice:
                        "a smaller network or batch, fewer threads or ranks on the host, or a higher limit (ulimit -v,"
                        + " the control group's memory.max)")
            } else if needed > first.memory.available {
                diagnosis.find(
                    .memory,
                    expected:
                        "\(RunPlan.bytes(needed)) left on host \(first.host), which the run takes as a rule",
                    found: RunPlan.bytes(first.memory.available),
                    advice: "end what else runs there, or take fewer ranks, a smaller batch or more hosts")
            }
        }
        diagnosis.note("memory", Set(texts.map(\.1)).count == 1 ? texts[0].1 : described(texts))
    }

    private func sharedMemory(_ views: [RankView], _ diagnosis: inout Diagnosis) {
        var texts: [(Int, String)] = []
        for host in hosts {
            let ranks = self.views(views, on: host)
            guard let first = ranks.first, let objects = first.sharedObjects else { continue }
            guard let free = objects.free else { continue }
            texts += ranks.map {
                (
                    $0.rank,
                    "\(RunPlan.bytes(objects.needed)) of \(RunPlan.bytes(free)) that are left in \(objects.path)"
                )
            }
            guard objects.needed > free else { continue }
            diagnosis.find(
                .sharedMemory,
                expected: "\(RunPlan.bytes(objects.needed)) left in \(objects.path) on host \(first.host)",
                found: RunPlan.bytes(free),
                advice:
                    "make it larger (mount -o remount,size=…, docker --shm-size, an emptyDir of medium Memory in"
                    + " Kubernetes); without it the ranks exchange everything through MPI, slowly (--transport mpi)"
            )
        }
        guard !texts.isEmpty else { return }
        diagnosis.note("shared memory", Set(texts.map(\.1)).count == 1 ? texts[0].1 : described(texts))
    }

    /// It matters only where the ranks of a host send one another what is large.
    private func singleCopy(_ views: [RankView], _ diagnosis: inout Diagnosis) {
        guard placement.localSizes.contains(where: { $0 > 1 }) else { return }
        let refused = views.filter { $0.singleCopyRefusal != nil }
        diagnosis.note(
            "single copy",
            refused.isEmpty
                ? "allowed" : described(refused.map { ($0.rank, "refused (\($0.singleCopyRefusal ?? ""))") }))
        let affected = refused.filter { $0.sendsWithinHost || Self.lacksSharedMemory($0) }
        guard !affected.isEmpty else { return }
        diagnosis.find(
            .singleCopy,
            expected: "ranks that may read one another's memory, as they exchange everything through MPI",
            found: described(affected.map { ($0.rank, $0.singleCopyRefusal ?? "") }),
            advice:
                "kernel.yama.ptrace_scope=0 (sysctl), docker --cap-add SYS_PTRACE; or --transport shared, which needs no"
                + " such right")
    }

    private static func lacksSharedMemory(_ view: RankView) -> Bool {
        guard let objects = view.sharedObjects, let free = objects.free else { return false }
        return objects.needed > free
    }

    // MARK: Clocks, limits, files

    private func clock(_ views: [RankView], _ diagnosis: inout Diagnosis) {
        guard views.count > 1, let first = views.first else { return }
        // A rank may be late behind one barrier, not behind most.
        let offsets = views.map { view -> (rank: Int, seconds: Double) in
            let differences = zip(view.clock, first.clock).map { $0 - $1 }.sorted()
            return (view.rank, differences.isEmpty ? 0 : differences[differences.count / 2])
        }
        let most = offsets.map { abs($0.seconds) }.max() ?? 0
        diagnosis.note(
            "clocks",
            most < Self.clockTolerance
                ? "the same to \(most < 0.1 ? "0.1" : "1") s" : String(format: "up to %.1f s apart", most))
        let off = offsets.filter { abs($0.seconds) >= Self.clockTolerance }
        guard !off.isEmpty else { return }
        diagnosis.find(
            .clock, expected: "the time of rank 0 on all ranks",
            found: described(off.map { ($0.rank, String(format: "%+.1f s", $0.seconds)) }),
            advice:
                "set the clocks (chrony, systemd-timesyncd): logs of several hosts cannot be compared, and --resume latest"
                + " and build tools go by the dates of files")
    }

    private func limits(_ views: [RankView], _ diagnosis: inout Diagnosis) {
        func text(_ limit: Int?) -> String { limit.map { "\($0)" } ?? "none" }
        diagnosis.note(
            "limits",
            summed(views) {
                "addresses \(text($0.limits.addresses)), file size \(text($0.limits.fileSize)), open files \(text($0.limits.openFiles))"
            })
        let needed = Self.filesOfRank + 4 * views.count
        let few = views.filter { ($0.limits.openFiles ?? .max) < needed }
        if !few.isEmpty {
            diagnosis.find(
                .openFiles, expected: "at least \(needed) files and connections open at a time",
                found: described(few.map { ($0.rank, text($0.limits.openFiles)) }),
                advice: "ulimit -n \(needed) or more")
        }
        for view in views {
            guard let output = view.output, let limit = view.limits.fileSize, limit < output.checkpointBytes
            else { continue }
            diagnosis.find(
                .fileSize,
                expected:
                    "files of up to \(output.checkpointBytes) bytes on rank \(view.rank) (host \(view.host)), the size of"
                    + " a checkpoint", found: "at most \(limit)", advice: "ulimit -f unlimited")
        }
    }

    private func output(_ views: [RankView], _ diagnosis: inout Diagnosis) {
        for view in views {
            guard let output = view.output else { continue }
            let place = "rank \(view.rank) (host \(view.host))"
            let free = output.free.map { ", \(RunPlan.bytes($0)) left" } ?? ""
            let need = output.keptBytes ?? output.checkpointBytes
            diagnosis.note("output", "\(output.path)\(free) for \(RunPlan.bytes(need)) of checkpoints")
            if let occupant = output.occupant {
                diagnosis.find(
                    .output, expected: "no run in \(output.path)", found: occupant,
                    advice: "name another --output, or go on with it by --resume")
            }
            if let refusal = output.refusal {
                diagnosis.find(
                    .output,
                    expected: "a folder that \(place) can write to, \(output.folder) for \(output.path)",
                    found: refusal, advice: "name another --output, or mend the folder")
            }
            if let free = output.free, free < need {
                diagnosis.find(
                    .disk,
                    expected:
                        "room for \(RunPlan.bytes(need)) of checkpoints in \(output.folder) of \(place)",
                    found: RunPlan.bytes(free),
                    advice: "another --output, --keep-last 2, or --checkpoint-every more rarely")
            }
            if let reason = output.lockRefusal {
                diagnosis.find(
                    .locks, expected: "a file system that knows locks at \(output.folder) of \(place)",
                    found: reason,
                    advice:
                        "another --output; on this one nothing keeps two processes from writing to one run")
            }
        }
    }
}
