internal import Collectives
internal import Foundation

/// What was found of the ranks and machines of a run.
package struct Diagnosis: Encodable, Sendable, Equatable {
    /// Something that is so, sound or not.
    package struct Fact: Encodable, Sendable, Equatable {
        package let name: String
        package let value: String
    }

    /// Something that is not as it should be.
    package struct Finding: Encodable, Sendable, Equatable {
        /// What it is about, as in ``Diagnosis/Subject``.
        package let subject: Subject
        /// What should be there.
        package let expected: String
        /// What is there, with the ranks and hosts.
        package let found: String
        /// What to do about it.
        package let advice: String

        /// One line, and what to do in a second.
        package var lines: [String] {
            ["finding: \(subject.rawValue): expected \(expected), found \(found)", "  what to do: \(advice)"]
        }
    }

    /// What is looked at.
    package enum Subject: String, Encodable, Sendable, CaseIterable {
        case launcher, program, library, threads, binding, kernels, arithmetic, data, memory
        case sharedMemory = "shared-memory"
        case singleCopy = "single-copy"
        case clock
        case addresses = "limit-of-addresses"
        case fileSize = "limit-of-file-size"
        case openFiles = "limit-of-open-files"
        case output, disk, locks
    }

    /// In the order in which they are shown.
    package private(set) var facts: [Fact] = []
    package private(set) var findings: [Finding] = []

    /// Nothing yet.
    package init() {}

    mutating func note(_ name: String, _ value: String) { facts.append(Fact(name: name, value: value)) }

    mutating func find(_ subject: Subject, expected: String, found: String, advice: String) {
        findings.append(Finding(subject: subject, expected: expected, found: found, advice: advice))
    }

    /// The facts as a table, and the findings or that there are none.
    package var lines: [String] {
        let width = facts.map(\.name.count).max() ?? 0
        let table = facts.map { fact in
            "\(fact.name):" + String(repeating: " ", count: width - fact.name.count + 1) + fact.value
        }
        return table + (findings.isEmpty ? ["no findings"] : findings.flatMap(\.lines))
    }

    /// A launcher has started several processes, but each is alone in its world.
    package static func aloneUnderLauncher(_ reason: String) -> Diagnosis {
        var diagnosis = Diagnosis()
        diagnosis.find(
            .launcher, expected: "one world of all processes that the launcher has started", found: reason,
            advice:
                "start it with the mpirun of the MPI library that the program was built with, or build it for the one"
                + " whose launcher this is; where a program that is itself a rank has started this one, take the launcher's"
                + " variables out of the environment")
        return diagnosis
    }
}
