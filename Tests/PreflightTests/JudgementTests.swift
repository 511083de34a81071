import Collectives
import Preflight
import SystemLimits
import Testing
import Training

/// What is found follows from what ranks tell: here four ranks on two hosts with four processors each.
@Suite struct JudgementTests {
    private static let nodes = [0, 0, 1, 1]
    private static let placement = NodePlacement(
        rank: 0, nodes: nodes, hostNames: nodes.map { ["ada", "bea"][$0] })

    private static func view(_ rank: Int) -> RankView {
        RankView(
            rank: rank, host: ["ada", "bea"][nodes[rank]], node: nodes[rank], reservedTasks: 4,
            library: "Open MPI 4.1.4",
            processors: .init(bound: [rank % 2], ofHost: 4, quota: nil), threads: 2, startedThreads: 2,
            kernels: .init(used: "AVX2", areEmulated: false),
            arithmetic: .init(hashes: [1, 2], differing: [], kernelCount: 63),
            data: .init(
                name: "CIFAR-10", location: "/data", trainingCount: 50_000, testCount: 10_000, sample: 7,
                fingerprint: UInt64(rank % 2)),
            memory: .init(own: 100_000_000, shared: 10_000_000, available: 1_000_000_000),
            sharedObjects: .init(path: "/dev/shm", needed: 20_000_000, free: 60_000_000),
            singleCopyRefusal: "Operation not permitted", sendsWithinHost: false,
            allowsConcurrentCalls: true, clock: [100, 200, 300, 400, 500], limits: ProcessLimits(),
            output: rank == 0
                ? .init(
                    path: "runs", folder: ".", free: 1_000_000_000, checkpointBytes: 2_000_000,
                    keptBytes: 20_000_000) : nil)
    }

    private static func diagnosis(_ change: (inout [RankView]) -> Void = { _ in }) -> Diagnosis {
        var views = nodes.indices.map(view)
        change(&views)
        var diagnosis = Diagnosis()
        Judgement(placement).judge(views, TrainingConfiguration(), &diagnosis)
        return diagnosis
    }

    @Test("Of sound ranks there are facts and no findings")
    func sound() {
        let diagnosis = Self.diagnosis()
        #expect(diagnosis.findings.isEmpty, "\(diagnosis.findings)")
        #expect(diagnosis.lines.last == "no findings" && diagnosis.facts.count >= 10)
    }

    struct Condition: Sendable, CustomStringConvertible {
        let subject: Diagnosis.Subject
        let names: [String]
        let change: @Sendable (inout [RankView]) -> Void
        var description: String { "\(subject.rawValue): \(names.joined(separator: ", "))" }

        init(
            _ subject: Diagnosis.Subject, naming names: String...,
            change: @escaping @Sendable (inout [RankView]) -> Void
        ) {
            (self.subject, self.names, self.change) = (subject, names, change)
        }
    }

    static let conditions = [
        Condition(.library, naming: "Open MPI 5.0.1", "rank 3 (host bea)") {
            $0[3].library = "Open MPI 5.0.1"
        },
        Condition(.library, naming: "MPI_THREAD_MULTIPLE", "ranks 0-3") {
            for rank in $0.indices { $0[rank].allowsConcurrentCalls = false }
        },
        Condition(.threads, naming: "host bea", "10 threads by 2 ranks of 5", "--threads 2") {
            for rank in 2...3 { ($0[rank].threads, $0[rank].startedThreads) = (5, 5) }
        },
        Condition(.threads, naming: "host ada", "time of 3 processors by control groups", "cpu.max") {
            for rank in 0...1 { $0[rank].processors = .init(bound: [rank], ofHost: 3, quota: 3) }
        },
        Condition(.threads, naming: "1 of 2 on rank 1 (host ada)", "ulimit -u") { $0[1].startedThreads = 1 },
        Condition(.binding, naming: "ranks 2-3 (host bea)", "processor 1", "--bind-to none") {
            for rank in 2...3 { $0[rank].processors.bound = [1] }
        },
        Condition(.kernels, naming: "AVX2 instead of AVX-512", "--instruction-set") {
            for rank in $0.indices { $0[rank].kernels.better = "AVX-512" }
        },
        Condition(.kernels, naming: "fused multiply-adds", "ranks 2-3 (host bea)") {
            for rank in 2...3 { $0[rank].kernels.areEmulated = true }
        },
        Condition(.kernels, naming: "Nehalem by OPENBLAS_CORETYPE=Nehalem", "rank 1 (host ada)") {
            $0[1].kernels.openBLAS = "Nehalem"
            $0[1].kernels.betterForOpenBLAS = "AVX2"
            $0[1].kernels.coreType = "Nehalem"
        },
        Condition(.kernels, naming: "one instruction set", "SSE2 on rank 1 (host ada)") {
            $0[1].kernels.used = "SSE2"
        },
        Condition(.arithmetic, naming: "dp_gemm", "rank 2 (host bea)", "verify-bits") {
            $0[2].arithmetic?.differing = ["dp_gemm"]
        },
        Condition(.arithmetic, naming: "same bits", "rank 2 (host bea)") {
            $0[2].arithmetic?.hashes = [1, 3]
        },
        Condition(.arithmetic, naming: "no memory", "rank 2 (host bea)") {
            $0[2].arithmetic = nil
            $0[2].arithmeticFailure = "no memory"
        },
        Condition(.data, naming: "nothing of that name", "rank 3 (host bea)") {
            $0[3].data = nil
            $0[3].dataFailure = "looking for a data set at /data: found nothing of that name"
        },
        Condition(.data, naming: "synthetic set", "rank 3 (host bea)", "absolute --data") {
            $0[3].data?.name = "synthetic set"
        },
        Condition(.data, naming: "same records", "ranks 2-3 (host bea)") { $0[3].data?.fingerprint = 99 },
        Condition(.memory, naming: "host bea", "a need of 9 GB") {
            $0[2].memory.refusal = "a need of 9 GB for 2 ranks"
        },
        Condition(.addresses, naming: "ulimit -v", "host ada") {
            $0[0].memory.refusal = "a limit (ulimit -v) of 1 GB"
        },
        Condition(.memory, naming: "210 MB", "host bea", "150 MB") {
            for rank in 2...3 { $0[rank].memory.available = 150_000_000 }
        },
        Condition(.sharedMemory, naming: "host bea", "20 MB", "10 MB", "--shm-size") {
            for rank in 2...3 {
                $0[rank].sharedObjects?.free = 10_000_000
                $0[rank].singleCopyRefusal = nil
            }
        },
        Condition(.singleCopy, naming: "Operation not permitted", "ranks 0-3", "ptrace_scope") {
            for rank in $0.indices { $0[rank].sendsWithinHost = true }
        },
        Condition(.clock, naming: "+3.0 s on ranks 2-3 (host bea)", "chrony") {
            for rank in 2...3 { $0[rank].clock = $0[rank].clock.map { $0 + 3 } }
        },
        Condition(.openFiles, naming: "at least 80", "40 on rank 1 (host ada)", "ulimit -n") {
            $0[1].limits.openFiles = 40
        },
        Condition(.fileSize, naming: "2000000 bytes on rank 0", "at most 8192", "ulimit -f") {
            $0[0].limits.fileSize = 8192
        },
        Condition(.output, naming: "a run", "--resume") { $0[0].output?.occupant = "a run" },
        Condition(.output, naming: "Read-only", "rank 0 (host ada)") {
            $0[0].output?.refusal = "Read-only file system"
        },
        Condition(.disk, naming: "20 MB", "5.0 MB", "--keep-last") { $0[0].output?.free = 5_000_000 },
        Condition(.locks, naming: "knows locks", "No locks") {
            $0[0].output?.lockRefusal = "No locks available"
        },
    ]

    @Test(
        "Each condition that is not sound is one finding, which names it and says what to do",
        arguments: conditions)
    func found(condition: Condition) {
        let diagnosis = Self.diagnosis(condition.change)
        #expect(diagnosis.findings.map(\.subject) == [condition.subject], "\(diagnosis.findings)")
        let text = diagnosis.findings.flatMap(\.lines).joined(separator: "\n")
        for name in condition.names { #expect(text.contains(name), "\(name) in \(text)") }
    }

    @Test("One process in a job for four is one that no launcher has started")
    func alone() {
        var diagnosis = Diagnosis()
        var view = Self.view(0)
        view.threads = 1
        let alone = NodePlacement(rank: 0, nodes: [0], hostNames: ["ada"])
        Judgement(alone).judge([view], TrainingConfiguration(), &diagnosis)
        #expect(diagnosis.findings.map(\.subject) == [.launcher])
    }

    @Test("Other programs are found on CPUs of one kind, and expected on those of two")
    func programs() {
        func subjects(_ lines: [String]) -> [Diagnosis.Subject] {
            var diagnosis = Diagnosis()
            Judgement(Self.placement).compare(lines.map(ProgramFile.init(line:)), &diagnosis)
            return diagnosis.findings.map(\.subject)
        }
        #expect(subjects(["x86-64 a", "x86-64 a", "x86-64 a", "x86-64 b"]) == [.program])
        #expect(subjects(["x86-64 a", "x86-64 a", "arm64 b", "arm64 b"]).isEmpty)
    }
}
