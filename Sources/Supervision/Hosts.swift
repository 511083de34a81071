internal import Foundation

/// The hosts of a host file of Open MPI, as lines `NAME slots=N`, and those of them that can be reached.
package struct Hosts: Sendable {
    /// A host with the ranks that it takes.
    package struct Host: Sendable, Equatable {
        /// How the launcher reaches it.
        package let name: String
        /// The ranks that it takes.
        package let slots: Int

        package init(name: String, slots: Int) { (self.name, self.slots) = (name, slots) }
    }

    /// All of them, in the file's order.
    package let all: [Host]

    /// Reads a host file.
    ///
    /// - Throws: What reading throws, or ``HostFileError`` where a line is none.
    package init(file: String) throws {
        try self.init(text: String(contentsOfFile: file, encoding: .utf8), path: file)
    }

    /// Reads the text of a host file.
    ///
    /// - Throws: ``HostFileError``.
    package init(text: String, path: String) throws(HostFileError) {
        var hosts: [Host] = []
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.prefix { $0 != "#" }.split { $0.isWhitespace }
            guard let name = words.first else { continue }
            var slots = 1
            for word in words.dropFirst() {
                guard word.hasPrefix("slots=") else { continue }
                guard let count = Int(word.dropFirst(6)), count > 0 else {
                    throw HostFileError(
                        description: "\(path), line \(number + 1): expected slots=N with N ≥ 1, found \(word)"
                    )
                }
                slots = count
            }
            hosts.append(Host(name: String(name), slots: slots))
        }
        guard !hosts.isEmpty else {
            throw HostFileError(description: "\(path): expected hosts, as in \"node-1 slots=4\", found none")
        }
        all = hosts
    }

    /// Why a host is done without.
    package enum Absence: Sendable, Equatable {
        /// The remote shell could not reach it, or it took longer than ten seconds.
        case silent
        /// It was reached, and the command ended there with this exit code.
        case failed(Int32)
    }

    /// What a remote shell ends with that cannot reach the host, as ssh does.
    private static let unreachable: Int32 = 255

    /// Which hosts are done without, and why: all but this one are asked, at the same time, to run a command.
    ///
    /// - Parameters:
    ///   - agent: The remote shell's words, before the host's name.
    ///   - command: What is to succeed there within ten seconds.
    package func absences(agent: [String], command: [String]) -> [String: Absence] {
        let own = ["localhost", "127.0.0.1", "::1", ProcessInfo.processInfo.hostName]
        var absences: [String: Absence] = [:]
        var pending: [(name: String, attempt: JobProcess)] = []
        for host in all where !own.contains(host.name) {
            absences[host.name] = .silent
            // A remote shell hands all its words to a shell.
            let words = command.map { "'" + $0.replacing("'", with: #"'\''"#) + "'" }
            if let attempt = try? JobProcess(agent + [host.name] + words, isQuiet: true) {
                pending.append((host.name, attempt))
            }
        }
        let end = ContinuousClock.now + .seconds(10)
        while !pending.isEmpty, ContinuousClock.now < end {
            pending.removeAll { name, attempt in
                guard let code = attempt.exitCode() else { return false }
                absences[name] = code == 0 ? nil : code == Self.unreachable ? .silent : .failed(code)
                return true
            }
            usleep(10_000)
        }
        for (_, attempt) in pending {
            attempt.send(SIGKILL)
            while attempt.exitCode() == nil { usleep(1000) }
        }
        return absences
    }
}

/// A host file that is none.
package struct HostFileError: Error, CustomStringConvertible, LocalizedError {
    /// One line that names file, line, what was expected and found.
    package let description: String
    package var errorDescription: String? { description }
}
