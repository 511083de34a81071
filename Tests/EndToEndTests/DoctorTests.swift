import Foundation
import Testing

extension EndToEnd {
    /// Conditions that are not sound, set up as they come about, and none.
    @Suite("dp-train doctor")
    struct DoctorTests {
        private static let isCrowded = ProcessInfo.processInfo.activeProcessorCount < 2
        private static let code: Int32 = 78

        /// Flags for a small run of one thread a rank on data at hand.
        private static func flags(output: URL? = nil, data: URL? = nil) throws -> [String] {
            [
                "doctor", "--threads", "1", "--hidden-dims", "16", "--epochs", "1", "--validation-size",
                "200",
                "--data", try (data ?? SmallData.directory()).path, "--output",
                try (output ?? Scratch.newPath("run")).path,
            ]
        }

        /// Ranks of their own words each, in one job that binds none.
        private func together(_ ranks: [[String]]) throws -> ProcessOutcome {
            try Program.tool(
                ["mpirun", "--oversubscribe", "--bind-to", "none"]
                    + ranks.map { ["-np", "1"] + $0 }.joined(separator: [":"]), timeLimit: 120)
        }

        /// Runs a program found in PATH under a limit of its shell, or another line of it.
        private func run(
            _ words: [String], after line: String, environment: [String: String] = [:]
        ) throws -> ProcessOutcome {
            try ProcessRunner(
                executable: URL(filePath: "/usr/bin/env"),
                arguments: ["sh", "-c", "\(line) && exec \"$@\"", "sh"] + words, environment: environment,
                timeLimit: 120
            ).run()
        }

        /// Checks that there are findings of these subjects alone, told once, with these words.
        private func expect(
            _ subjects: [String], naming names: [String] = [], in outcome: ProcessOutcome,
            sourceLocation: SourceLocation = #_sourceLocation
        ) {
            #expect(
                outcome.status == Self.code && !outcome.timedOut, "\(outcome.summary)",
                sourceLocation: sourceLocation)
            let lines = outcome.outputText.split(separator: "\n")
            let found = lines.filter { $0.hasPrefix("finding: ") }.map {
                String($0.dropFirst("finding: ".count).prefix { $0 != ":" })
            }
            #expect(found == subjects, "\(outcome.summary)", sourceLocation: sourceLocation)
            let advice = lines.filter { $0.hasPrefix("  what to do: ") }
            #expect(advice.count == found.count, "\(outcome.summary)", sourceLocation: sourceLocation)
            for name in names {
                #expect(
                    outcome.outputText.contains(name), "\(name): \(outcome.summary)",
                    sourceLocation: sourceLocation)
            }
        }

        @Test(
            "Of what is sound it shows facts and says that there are no findings, and leaves nothing behind",
            arguments: [nil, 2])
        func sound(ranks: Int?) throws {
            guard ranks ?? 1 <= ProcessInfo.processInfo.activeProcessorCount else { return }
            let output = try Scratch.newPath("run")
            let outcome = try Program.succeed(Self.flags(output: output), ranks: ranks)
            #expect(outcome.outputText.hasSuffix("\nno findings\n"), "\(outcome.summary)")
            for fact in [
                "program", "ranks", "library", "threads", "kernels", "arithmetic", "data", "memory", "output",
            ] {
                #expect(
                    outcome.outputText.contains("\n\(fact):") || outcome.outputText.hasPrefix("\(fact):"),
                    "\(fact)")
            }
            #expect(outcome.errorText.isEmpty, "\(outcome.summary)")
            let left = try FileManager.default.contentsOfDirectory(
                atPath: output.deletingLastPathComponent().path)
            #expect(left.isEmpty, "\(left)")
        }

        @Test("As JSON the same, with findings as objects")
        func json() throws {
            struct Report: Decodable {
                struct Finding: Decodable { let subject, expected, found, advice: String }
                struct Fact: Decodable { let name, value: String }
                let facts: [Fact]
                let findings: [Finding]
            }
            let sound = try Program.succeed(Self.flags() + ["--json"])
            #expect(try JSONDecoder().decode(Report.self, from: sound.output).findings.isEmpty)
            let other = try Program.run(Self.flags() + ["--json"], environment: ["SLURM_NTASKS": "4"])
            #expect(other.status == Self.code)
            #expect(
                try JSONDecoder().decode(Report.self, from: other.output).findings.map(\.subject) == [
                    "launcher"
                ])
        }

        @Test("Settings that cannot be used are refused as train refuses them")
        func settings() throws {
            let outcome = try Program.run(Self.flags() + ["--batch-size", "7000"], ranks: 2)
            expectRefusal(outcome, naming: ["--batch-size", "7000"])
            #expect(outcome.status == 64)
        }

        @Test("More threads than processors", arguments: [nil, 2])
        func threads(ranks: Int?) throws {
            let count = 4 * ProcessInfo.processInfo.activeProcessorCount
            let outcome = try Program.run(Self.flags() + ["--threads", "\(count)"], ranks: ranks)
            expect(["threads"], naming: ["\(count * (ranks ?? 1)) threads", "--threads"], in: outcome)
        }

        @Test(
            "More threads than a control group gives processors",
            .enabled(if: OneProcessor.isAvailable, "making a control group takes Linux and root's rights"))
        func quota() throws {
            let group = try OneProcessor()
            defer { group.remove() }
            let words = try [Program.executable.path] + Self.flags() + ["--threads", "2"]
            let outcome = try run(words, after: "echo $$ > '\(group.processes)'")
            expect(["threads"], naming: ["time of 1 processor by control groups", "cpu.max"], in: outcome)
        }

        @Test(
            "Ranks bound to one processor",
            .enabled(if: !isCrowded && (try? Program.tool(["taskset", "--version"]))?.status == 0))
        func binding() throws {
            let words = try ["taskset", "-c", "0", Program.executable.path] + Self.flags()
            expect(
                ["binding"], naming: ["ranks 0-1", "processor 0", "--bind-to none"],
                in: try together([words, words]))
        }

        @Test(
            "A small /dev/shm",
            .enabled(
                if: SmallSharedMemory.isAvailable && !isCrowded,
                "mounting a small /dev/shm takes Linux and root's rights"), arguments: ["64k", "8300k"])
        func sharedMemory(size: String) throws {
            let outcome = try SmallSharedMemory(size: size).run(
                ["mpirun", "-np", "2", "--oversubscribe", "--bind-to", "none", Program.executable.path]
                    + Self.flags())
            expect(["shared-memory"], naming: ["/dev/shm on host", "--shm-size"], in: outcome)
        }

        @Test("Another program on one rank")
        func program() throws {
            let copy = try Scratch.newPath("dp-train")
            try FileManager.default.copyItem(at: Program.executable, to: copy)
            let file = try FileHandle(forWritingTo: copy)
            try file.seekToEnd()
            try file.write(contentsOf: Data([0]))
            try file.close()
            let flags = try Self.flags()
            let outcome = try together([[Program.executable.path] + flags, [copy.path] + flags])
            expect(["program"], naming: ["rank 1 (host ", "SHA-256"], in: outcome)
        }

        @Test(
            "Data that one rank has not, or other data", .enabled(if: !isCrowded), arguments: [true, false])
        func data(isMissing: Bool) throws {
            let other = try Scratch.newPath("other")
            if !isMissing {
                try Program.succeed([
                    "data", "synthesize", "--output", other.path, "--training-count",
                    "\(SmallData.trainingCount)", "--test-count", "\(SmallData.testCount)", "--seed", "2",
                ])
            }
            let outcome = try together(
                [nil, other].map { [Program.executable.path] + (try Self.flags(data: $0)) })
            expect(
                ["data"],
                naming: [
                    other.path, "rank 1 (host ", isMissing ? "data verify" : "absolute --data",
                ], in: outcome)
        }

        @Test("A lesser instruction set than the CPU's")
        func instructionSet() throws {
            let outcome = try Program.run(Self.flags() + ["--instruction-set", "baseline"])
            // A CPU that has no better one is told nothing.
            guard outcome.status != 0 else { return }
            expect(["kernels"], naming: [" instead of ", "--instruction-set"], in: outcome)
        }

        @Test("OpenBLAS's kernels as a variable forces them", .enabled(if: hasAVX2, "needs a CPU with AVX2"))
        func openBLAS() throws {
            let flags = try Self.flags() + ["--strategy", "allreduce", "--products", "openblas"]
            let outcome = try Program.run(flags, environment: ["OPENBLAS_CORETYPE": "Nehalem"])
            expect(["kernels"], naming: ["OPENBLAS_CORETYPE=Nehalem"], in: outcome)
        }

        private static let hasAVX2 =
            (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.contains(" avx2 ") == true

        @Test("A world of one under another MPI's launcher, told by the process that speaks for all")
        func launcher() throws {
            func run(_ rank: String) throws -> ProcessOutcome {
                try Program.run(Self.flags(), environment: ["PMI_SIZE": "4", "PMI_RANK": rank])
            }
            expect(["launcher"], naming: ["as 4 processes", "sees a world of 1"], in: try run("0"))
            let other = try run("1")
            #expect(other.status == Self.code && other.outputText.isEmpty, "\(other.summary)")
        }

        @Test("One process alone in a batch job for several")
        func batchJob() throws {
            let outcome = try Program.run(Self.flags(), environment: ["SLURM_NTASKS": "4"])
            expect(["launcher"], naming: ["4 processes", "mpirun"], in: outcome)
        }

        @Test(
            "A disk without room for the checkpoints",
            .enabled(if: Tmpfs.isAvailable, "mounting takes root's rights"))
        func disk() throws {
            let disk = try Tmpfs(size: "1m")
            defer { disk.unmount() }
            try disk.fill(disk.url.appending(path: "filler"), leaving: 100_000)
            let outcome = try Program.run(Self.flags(output: disk.url.appending(path: "run")))
            expect(["disk"], naming: [disk.url.path, "--keep-last"], in: outcome)
        }

        @Test(
            "A file system that cannot be written to",
            .enabled(if: Tmpfs.isAvailable, "mounting takes root's rights"))
        func readOnly() throws {
            let disk = try Tmpfs(size: "1m")
            defer { disk.unmount() }
            let remount = try Program.tool(["mount", "-o", "remount,ro", disk.url.path])
            try #require(remount.status == 0, "\(remount.summary)")
            let outcome = try Program.run(Self.flags(output: disk.url.appending(path: "run")))
            expect(["output"], naming: ["Read-only file system", disk.url.path], in: outcome)
        }

        @Test("A folder that holds a run already")
        func occupied() throws {
            // Without the command and the output.
            let run = try Program.train(Array(Self.flags().dropFirst().dropLast(2)))
            expect(
                ["output"], naming: ["a run", "--resume"], in: try Program.run(Self.flags(output: run.url)))
        }

        #if os(Linux)
        @Test("A limit of addresses")
        func addresses() throws {
            let words = try [Program.executable.path] + Self.flags() + ["--hidden-dims", "8000"]
            expect(
                ["limit-of-addresses"], naming: ["ulimit -v"], in: try run(words, after: "ulimit -v 800000"))
        }
        #endif

        @Test("More memory than there is")
        func memory() throws {
            let outcome = try Program.run(Self.flags() + ["--hidden-dims", "1000000,1000000"])
            #expect(outcome.outputText.contains("finding: memory: "), "\(outcome.summary)")
            #expect(outcome.status == Self.code)
        }

        @Test("A limit of the size of files")
        func fileSize() throws {
            let words = try [Program.executable.path] + Self.flags()
            expect(["limit-of-file-size"], naming: ["ulimit -f"], in: try run(words, after: "ulimit -f 100"))
        }

        @Test("A limit of open files")
        func openFiles() throws {
            let words = try [Program.executable.path] + Self.flags()
            expect(["limit-of-open-files"], naming: ["ulimit -n"], in: try run(words, after: "ulimit -n 60"))
        }

        @Test(
            "A clock that is off on one rank",
            .enabled(if: Preloaded.isAvailable && !isCrowded, Preloaded.absence))
        func clock() throws {
            let library = try Preloaded.library(
                "clock",
                """
                #define _GNU_SOURCE
                #include <dlfcn.h>
                #include <sys/time.h>
                #include <time.h>
                int clock_gettime(clockid_t id, struct timespec *time) {
                    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
                    int code = real(id, time);
                    if (id == CLOCK_REALTIME) time->tv_sec += 10;
                    return code;
                }
                int gettimeofday(struct timeval *restrict time, void *restrict zone) {
                    struct timespec now;
                    clock_gettime(CLOCK_REALTIME, &now);
                    time->tv_sec = now.tv_sec;
                    time->tv_usec = now.tv_nsec / 1000;
                    return 0;
                }
                """)
            let words = try [Program.executable.path] + Self.flags()
            let outcome = try together([words, ["env", "LD_PRELOAD=\(library.path)"] + words])
            expect(["clock"], naming: [" s on rank 1 (host ", "chrony"], in: outcome)
            #expect(outcome.outputText.contains(/found \+(9|10)\.\d s on rank 1/), "\(outcome.summary)")
        }

        @Test(
            "A rank that rounds otherwise",
            .enabled(if: Preloaded.isAvailable && !isCrowded, Preloaded.absence))
        func rounding() throws {
            let library = try Preloaded.library(
                "rounding",
                """
                #include <fenv.h>
                __attribute__((constructor)) static void begin(void) { fesetround(FE_UPWARD); }
                """)
            let words = try [Program.executable.path] + Self.flags()
            let outcome = try together([words, ["env", "LD_PRELOAD=\(library.path)"] + words])
            expect(["arithmetic"], naming: ["rank 1 (host ", "verify-bits"], in: outcome)
        }
    }
}

/// Libraries that the loader puts before a program's own, where there is a C compiler and the loader does so.
enum Preloaded {
    static let absence: Comment = "needs Linux, a C compiler and two processors"
    static let isAvailable: Bool = {
        #if os(Linux)
        compiler != nil
        #else
        false
        #endif
    }()

    private static let compiler = ["cc", "clang", "gcc"].first {
        (try? Program.tool([$0, "--version"]))?.status == 0
    }

    /// Makes one.
    static func library(_ name: String, _ source: String) throws -> URL {
        let folder = try Scratch.makeDirectory(name)
        let (file, library) = (folder.appending(path: "\(name).c"), folder.appending(path: "\(name).so"))
        try Data((source + "\n").utf8).write(to: file)
        let outcome = try Program.tool([
            try #require(compiler), "-shared", "-fPIC", "-o", library.path, file.path, "-lm", "-ldl",
        ])
        try #require(outcome.status == 0, "\(outcome.summary)")
        return library
    }
}

/// A control group whose processes have the time of one processor, of either version of the interface.
struct OneProcessor {
    static let isAvailable: Bool = {
        guard let group = try? OneProcessor() else { return false }
        defer { group.remove() }
        let words = ["sh", "-c", "echo $$ > '\(group.processes)'"]
        return (try? Program.tool(words))?.status == 0
    }()

    private let folder: URL

    /// The file that takes the numbers of its processes.
    var processes: String { folder.appending(path: "cgroup.procs").path }

    init() throws {
        let name = "dp-train-tests-\(UUID().uuidString.prefix(8))"
        let first = URL(filePath: "/sys/fs/cgroup/cpu")
        let isFirst = FileManager.default.fileExists(atPath: first.path)
        folder = (isFirst ? first : URL(filePath: "/sys/fs/cgroup")).appending(path: name)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        let files =
            isFirst
            ? ["cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "100000"] : ["cpu.max": "100000 100000"]
        do {
            for (file, text) in files.sorted(by: { $0.key < $1.key }) {
                let handle = try FileHandle(forWritingTo: folder.appending(path: file))
                try handle.write(contentsOf: Data(text.utf8))
                try handle.close()
            }
        } catch {
            remove()
            throw error
        }
    }

    func remove() { rmdir(folder.path) }
}
