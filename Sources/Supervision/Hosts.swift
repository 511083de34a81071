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

    /// Those that answer within ten seconds, all asked at the same time to run `true` by a remote shell. This host is not asked.
    ///
    /// - Parameter agent: The remote shell's words, before the host's name.
    package func reachable(agent: [String]) -> [Host] {
        let own = ["localhost", "127.0.0.1", "::1", ProcessInfo.processInfo.hostName]
        let attempts = all.map { host in
            own.contains(host.name) ? nil : try? JobProcess(agent + [host.name, "true"], isQuiet: true)
        }
        var answers = all.map { own.contains($0.name) }
        var pending = Set(all.indices.filter { attempts[$0] != nil })
        let end = ContinuousClock.now + .seconds(10)
        while !pending.isEmpty, ContinuousClock.now < end {
            for index in pending {
                guard let code = attempts[index]?.exitCode() else { continue }
                answers[index] = code == 0
                pending.remove(index)
            }
            usleep(10_000)
        }
        for index in pending {
            attempts[index]?.send(SIGKILL)
            while attempts[index]?.exitCode() == nil { usleep(1000) }
        }
        return all.indices.filter { answers[$0] }.map { all[$0] }
    }
}

/// A host file that is none.
package struct HostFileError: Error, CustomStringConvertible, LocalizedError {
    /// One line that names file, line, what was expected and found.
    package let description: String
    package var errorDescription: String? { description }
}
