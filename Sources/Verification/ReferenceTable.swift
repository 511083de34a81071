/// What every machine has to compute: the digest of each kernel's results, and the bits of some runs, moment by moment.
package struct ReferenceTable: Sendable, Equatable {
    /// The digest of each kernel's results, by its name.
    package var kernels: [String: UInt64]
    /// The runs.
    package var runs: [ReferenceRun]

    /// Reads a table.
    ///
    /// - Parameters:
    ///   - kernels: A line for each kernel: its name, and its digest in hexadecimal digits.
    ///   - runs: The runs.
    package init(kernels: String, runs: [ReferenceRun]) {
        let lines = kernels.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        self.kernels = Dictionary(
            uniqueKeysWithValues: lines.map { ($0[0], UInt64($0[1], radix: 16) ?? 0) })
        self.runs = runs
    }
}

/// A short run of which the table has the bits.
package struct ReferenceRun: Sendable, Equatable {
    /// What it is called.
    package var name: String
    /// The flags by which `dp-train train` repeats it, besides ``commonFlags``.
    package var flags: String
    /// The lines of its moments.
    package var moments: [String]
    /// The SHA-256 of the model's tensors after the last step.
    package var sha256: String

    /// A run of the table.
    ///
    /// - Parameter moments: A line for each moment: its name, a colon, and the bits of each quantity.
    package init(_ name: String, _ flags: String, sha256: String = "", _ moments: String = "") {
        (self.name, self.flags, self.sha256) = (name, flags, sha256)
        self.moments = moments.split(separator: "\n").map(String.init)
    }

    /// The first place where a trace is another one; nil where all bits, up to a failure if there was one, are those of the
    /// table.
    package func difference(from trace: RunTrace) -> RunDifference? {
        for (moment, line) in zip(trace.moments, moments) where moment.line != line {
            let name = String(line.prefix { $0 != ":" })
            let expected = line.dropFirst(name.count + 1).split(separator: " ")
            guard moment.name == name, expected.count == moment.bits.count else {
                return RunDifference(
                    moment: moment.name,
                    quantity: "another moment than the table's \(name), or of other tensors")
            }
            let index = zip(moment.bits, expected).enumerated().first { $1.0 != $1.1 }?.offset ?? 0
            return RunDifference(moment: name, quantity: moment.quantities[index])
        }
        guard trace.failure == nil else { return nil }
        guard trace.moments.count == moments.count else {
            return RunDifference(
                moment: "the end", quantity: "\(trace.moments.count) moments instead of \(moments.count)")
        }
        // On other ranks than 0 there is none.
        guard trace.sha256.isEmpty || trace.sha256 == sha256 else {
            return RunDifference(moment: "the end", quantity: "SHA-256 of the tensors")
        }
        return nil
    }
}

/// Where a run began to be another one than the table's.
package struct RunDifference: Codable, Sendable, Hashable, CustomStringConvertible {
    /// The moment, such as `step 3`.
    package let moment: String
    /// What differed first at it, such as the name of a tensor.
    package let quantity: String

    /// A difference.
    package init(moment: String, quantity: String) {
        (self.moment, self.quantity) = (moment, quantity)
    }

    /// Where and what, in a phrase.
    package var description: String { "at \(moment): \(quantity)" }
}

// MARK: - The table's own source

extension ReferenceTable {
    /// The Swift source of this table.
    package var source: String {
        let width = kernels.keys.map(\.count).max() ?? 0
        let kernelLines = KernelCheck.all.compactMap { check in
            kernels[check.name].map {
                check.name + String(repeating: " ", count: width + 1 - check.name.count) + hexadecimal($0)
            }
        }
        let lines =
            ["extension ReferenceTable {"]
            + Self.indented(
                [
                    "/// The table of this program.",
                    "package static let current = ReferenceTable(",
                ]
                    + Self.indented(
                        ["kernels: \"\"\""] + Self.indented(kernelLines + ["\"\"\","])
                            + ["runs: ["] + Self.indented(runs.flatMap(Self.source)) + ["])"]))
            + ["}"]
        return ([Self.heading, ""] + lines).joined(separator: "\n")
    }

    private static let heading = """
        // What every machine has to compute, to the last bit. Made by
        //
        //     dp-train verify-bits --table > Sources/Verification/ReferenceBits.swift
        //
        // and changed by hand only to add a run or to change a run's flags; then made again. A change to the program that alters
        // bits alters this table in the same commit, and says in the commit's message why. Any other change after which this
        // table does not hold is a mistake.
        //
        // A run has a line for each moment. A loss stands there with all its bits, each tensor with four digits of a digest:
        // running statistics, then the optimizer's state, then parameters, then those of a mean of the weights.
        """

    private static func source(of run: ReferenceRun) -> [String] {
        ["ReferenceRun("]
            + indented(
                [
                    "\(literal(run.name)),",
                    "\(literal(run.flags)),",
                    "sha256: \(literal(run.sha256)),",
                    "\"\"\"",
                ] + run.moments + ["\"\"\"),"])
    }

    private static func indented(_ lines: [String]) -> [String] {
        lines.map { "    " + $0 }
    }

    private static func literal(_ text: String) -> String {
        "\"" + text.replacing("\"", with: "\\\"") + "\""
    }
}
