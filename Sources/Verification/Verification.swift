package import Collectives
internal import Foundation
internal import Tensors
package import Training

/// Compares what the ranks compute, by themselves and together, with the table.
package struct Verification {
    private let communicator: any Communicator
    private let options: RunOptions
    private let table: ReferenceTable
    private let note: (String) -> Void

    /// What the kernels are called where runs are chosen by their names.
    package static let kernelsName = "kernels"

    /// A verification.
    ///
    /// - Parameters:
    ///   - communicator: The ranks.
    ///   - options: How to compute; the same on every rank.
    ///   - table: What to compare with.
    ///   - note: Told on rank 0 what people should know besides.
    /// - Throws: `ConfigurationError` where there are more ranks than a run has shards.
    package init(
        _ communicator: any Communicator, options: RunOptions, table: ReferenceTable = .current,
        note: @escaping (String) -> Void = { _ in }
    ) throws(ConfigurationError) {
        guard communicator.size <= ReferenceRun.mostRanks else {
            throw ConfigurationError(
                "verify-bits", found: "\(communicator.size)",
                expected: "at most \(ReferenceRun.mostRanks) ranks, one for each logical shard of its runs")
        }
        (self.communicator, self.options, self.table, self.note) = (communicator, options, table, note)
    }

    /// Compares kernels and runs. Collective: every rank must call it.
    ///
    /// - Parameters:
    ///   - names: The runs to train, or ``kernelsName``; all for none.
    ///   - tell: Called with each line of the report when it is known, on every rank with the same lines.
    /// - Returns: What was found, the same on every rank.
    /// - Throws: The communicator's error, or what is no difference of bits, such as memory that is not there.
    package func run(only names: [String] = [], tell: (String) -> Void) throws -> Verdict {
        func isWanted(_ name: String) -> Bool { names.isEmpty || names.contains(name) }
        var verdict = Verdict()
        tell(try machine())
        if isWanted(Self.kernelsName) {
            let found = try kernels()
            tell("\(label(Self.kernelsName)) \(found.description(on: communicator.placement))")
            verdict.kernelCount = found.names.count
            verdict.differingKernels = found.differing
            guard found.ranksAgree else {
                verdict.ranksDiffer = true
                tell("no run is tried, as ranks that compute otherwise than others cannot train with them")
                return verdict
            }
        }
        for run in table.runs where isWanted(run.name) {
            let found = try compare(run)
            tell("\(label(run.name)) \(found.description(on: communicator.placement))")
            verdict.runCount += 1
            if !found.agrees { verdict.differingRuns.append(run.name) }
            if Set(found.differences).count > 1 { verdict.ranksDiffer = true }
        }
        return verdict
    }

    /// The table that this machine computes. Collective: every rank must call it.
    ///
    /// - Throws: As ``run(only:tell:)``, and ``RunFailed`` on all ranks where a run does not come to its end.
    package func makeTable() throws -> ReferenceTable {
        var made = table
        made.kernels = [:]
        for (check, digest) in zip(KernelCheck.all, try digests()) { made.kernels[check.name] = digest }
        made.runs = try table.runs.map { run in
            let trace = try run.trace(over: communicator, options: options, note: note)
            if let failure = trace.failure {
                throw RunFailed(
                    description: "run \(run.name): expected that it comes to its end, found: \(failure)",
                    shouldReport: communicator.rank == 0)
            }
            var made = run
            made.moments = trace.moments.map(\.line)
            made.sha256 = trace.sha256
            return made
        }
        return made
    }

    private func label(_ name: String) -> String {
        let width = table.runs.map(\.name.count).max() ?? 0
        return name + String(repeating: " ", count: max(0, width + 1 - name.count))
    }

    /// Ranks, instruction sets and threads, in a line.
    private func machine() throws -> String {
        let threads = options.threads ?? ProcessorShare.threads(of: communicator)
        let own =
            "\(InstructionSet.used.name), \(threads) \(threads == 1 ? "thread" : "threads") per rank"
        let placement = communicator.placement
        let all = try communicator.allgather(text: own)
        let count = communicator.size == 1 ? "1 rank" : "\(communicator.size) ranks"
        let kinds = all.indices.filter { all.firstIndex(of: all[$0]) == $0 }.map { first in
            let ranks = all.indices.filter { all[$0] == all[first] }
            return ranks.count == all.count
                ? all[first] : "\(all[first]) on \(placement.names(ofRanks: ranks))"
        }
        return "\(label("machine")) \(count) on \(placement.hostNames.joined(separator: ", ")), "
            + "\(communicator.implementation), \(Self.architecture), \(kinds.joined(separator: " and "))"
    }

    private static let architecture: String = {
        #if arch(x86_64)
        "x86-64"
        #elseif arch(arm64)
        "arm64"
        #else
        "another architecture"
        #endif
    }()

    private func digests() throws -> [UInt64] {
        try communicator.agree(on: "trying the kernels") {
            try KernelCheck.all.map { KernelCheck.digest(of: try $0.bits()) }
        }
    }

    private func kernels() throws -> KernelFindings {
        let names = KernelCheck.all.map(\.name)
        let all = try communicator.allgather(try digests())
        return KernelFindings(
            names: names,
            digestsOfRank: (0..<communicator.size).map { rank in
                Array(all[rank * names.count..<(rank + 1) * names.count])
            }, table: table)
    }

    private func compare(_ run: ReferenceRun) throws -> RunFindings {
        let trace = try run.trace(over: communicator, options: options, note: note)
        let own = try run.difference(from: trace).map {
            String(decoding: try JSONEncoder().encode($0), as: UTF8.self)
        }
        let differences = try communicator.allgather(text: own ?? "").map {
            $0.isEmpty ? nil : try JSONDecoder().decode(RunDifference.self, from: Data($0.utf8))
        }
        let failure = try communicator.broadcast(text: trace.failure ?? "", root: 0)
        return RunFindings(
            sha256: try communicator.broadcast(text: trace.sha256, root: 0), differences: differences,
            failure: failure.isEmpty ? nil : failure)
    }
}

/// What the kernels of all ranks made of the same inputs.
package struct KernelFindings {
    /// All kernels.
    package let names: [String]
    /// The kernels of each rank that differ from the table, in the order of their names.
    package let differingOfRank: [[String]]
    /// Whether all ranks have the same digests.
    package let ranksAgree: Bool

    /// Compares digests with the table.
    ///
    /// - Parameter digestsOfRank: A digest for each name, of each rank.
    package init(names: [String], digestsOfRank: [[UInt64]], table: ReferenceTable) {
        self.names = names
        differingOfRank = digestsOfRank.map { digests in
            zip(names, digests).filter { table.kernels[$0.0] != $0.1 }.map(\.0)
        }
        ranksAgree = digestsOfRank.allSatisfy { $0 == digestsOfRank[0] }
    }

    /// Those that differ on any rank.
    package var differing: [String] {
        names.filter { name in differingOfRank.contains { $0.contains(name) } }
    }

    /// How many agree, and which do not, on which ranks.
    package func description(on placement: NodePlacement) -> String {
        let count = "\(names.count - differing.count) of \(names.count) kernels agree"
        return differing.isEmpty
            ? count
            : "\(count); other bits of "
                + differingOfRank.described(on: placement) {
                    $0.isEmpty ? nil : $0.joined(separator: ", ")
                }
    }
}

/// What the ranks saw of a run.
package struct RunFindings {
    /// The SHA-256 of the tensors after the last step; empty where the run did not come to its end.
    package let sha256: String
    /// For each rank where it first differs from the table, if it does.
    package let differences: [RunDifference?]
    /// What ended the run before its end, on all ranks.
    package let failure: String?

    /// Whether no rank differs.
    package var agrees: Bool { failure == nil && differences.allSatisfy { $0 == nil } }

    /// Digest and outcome, and where the first difference is, on which ranks.
    package func description(on placement: NodePlacement) -> String {
        guard !agrees else { return "\(sha256) agrees" }
        let first = differences.described(on: placement) { $0?.description }
        let what = [first.isEmpty ? nil : "first \(first)", failure.map { "then stopped: \($0)" }]
        return
            ([sha256, "differs,"].filter { !$0.isEmpty } + [what.compactMap(\.self).joined(separator: "; ")])
            .joined(separator: " ")
    }
}

extension Array where Element: Hashable {
    /// What was found, once for all ranks that found the same, and of which ranks it is where not of all.
    fileprivate func described(on placement: NodePlacement, _ text: (Element) -> String?) -> String {
        indices.filter { firstIndex(of: self[$0]) == $0 }.compactMap { first in
            text(self[first]).map { text in
                let ranks = indices.filter { self[$0] == self[first] }
                return ranks.count == count ? text : "\(text) on \(placement.names(ofRanks: ranks))"
            }
        }.joined(separator: "; ")
    }
}

/// What a verification came to.
package struct Verdict: Sendable, Equatable {
    package fileprivate(set) var kernelCount = 0
    /// The kernels that differ from the table on any rank.
    package fileprivate(set) var differingKernels: [String] = []
    package fileprivate(set) var runCount = 0
    /// The runs that differ from the table on any rank.
    package fileprivate(set) var differingRuns: [String] = []
    /// Whether ranks differ from one another.
    package fileprivate(set) var ranksDiffer = false

    /// Whether all bits are those of the table.
    package var agrees: Bool { differingKernels.isEmpty && differingRuns.isEmpty && !ranksDiffer }

    /// In one sentence.
    package var conclusion: String {
        agrees
            ? "All bits agree: this is what every machine computes, on any number of ranks and threads."
            : "Other bits than those of every machine, \(whereOthersAre)."
    }

    /// Where bits differ.
    package var whereOthersAre: String {
        let counts = [
            kernelCount == 0 ? nil : "\(differingKernels.count) of \(kernelCount) kernels",
            runCount == 0 ? nil : "\(differingRuns.count) of \(runCount) runs",
        ]
        return "in " + counts.compactMap(\.self).joined(separator: " and ")
            + (ranksDiffer ? ", and from rank to rank" : "")
    }

    /// What to do where bits differ.
    package static let advice = """
        Results of this machine cannot be compared with others' bit by bit. What to do:
        - Where a kernel differs, runs differ because of it; where none does, look at the first moment and tensor of a run.
        - Take a lesser instruction set (--instruction-set avx2, or baseline). If the bits then agree, the kernels for the
          better one are at fault, or the CPU is: train with the lesser one, and report it.
        - If they do not, look for what does not keep to IEEE 754: an emulated CPU, numbers below the smallest normal one
          that are flushed to zero, a build with -ffast-math or another compiler than Swift's own.
        - Report it with this output, the CPU (lscpu), the compiler (swift --version) and the system (uname -a).
        """
}

/// A run that should have come to its end has not, on all ranks alike.
package struct RunFailed: AgreedFailure, CustomStringConvertible, LocalizedError {
    /// One line.
    package let description: String
    /// True on rank 0.
    package let shouldReport: Bool
    /// The same as ``description``.
    package var errorDescription: String? { description }
}
