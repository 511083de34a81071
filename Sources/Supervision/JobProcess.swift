internal import CSystemCalls
internal import Foundation

/// A program that this process has started and ends when it ends itself.
///
/// It leads a process group of its own, which a terminal's Ctrl-C does not reach. On Linux it is asked to end when the thread
/// that started it ends, and whoever loses its parent below it can still be ended.
struct JobProcess: Sendable {
    /// Its number.
    let identifier: Int32

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - words: The program, by its path or its name in PATH, and its arguments.
    ///   - isQuiet: Whether what it prints is to be lost.
    /// - Throws: ``JobProcessError``.
    init(_ words: [String], isQuiet: Bool = false) throws(JobProcessError) {
        var identifier: Int32 = 0
        let copies = words.map { strdup($0) }
        defer { copies.forEach { free($0) } }
        let pointers = copies.map { UnsafePointer<CChar>($0) } + [nil]
        dp_process_adopt_orphans()
        let code = dp_process_start(pointers, isQuiet ? 1 : 0, &identifier)
        guard code == 0 else {
            throw JobProcessError(description: "starting \(words[0]): \(String(cString: strerror(code)))")
        }
        self.identifier = identifier
    }

    /// Its exit code, or 128 and the signal that ended it, told once after it has ended; nil before.
    func exitCode() -> Int32? {
        var code: Int32 = 0
        return dp_process_has_ended(identifier, &code) == 0 ? nil : code
    }

    /// Sends it a signal.
    func send(_ signal: Int32) { _ = kill(identifier, signal) }

    #if os(Linux)
    /// A process of it and those below it that somebody has stopped (SIGSTOP), if there is one.
    func stoppedProcess() -> Int32? {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        var children: [Int32: [(process: Int32, isStopped: Bool)]] = [:]
        for process in names.compactMap({ Int32($0) }) {
            // "4711 (a name, brackets and all) T 4710 …"
            guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
                let name = text.lastIndex(of: ")")
            else { continue }
            let words = text[name...].split(separator: " ")
            guard words.count > 2, let parent = Int32(words[2]) else { continue }
            if process == identifier, words[1] == "T" { return process }
            children[parent, default: []].append((process, words[1] == "T"))
        }
        var pending = [identifier]
        while let next = pending.popLast() {
            for child in children[next] ?? [] {
                if child.isStopped { return child.process }
                pending.append(child.process)
            }
        }
        return nil
    }
    #else
    func stoppedProcess() -> Int32? { nil }
    #endif

    /// Ends what it has left behind after its end, and waits for that.
    ///
    /// - Returns: How many processes there were.
    @discardableResult
    func endRest() -> Int { Int(dp_process_end_rest(identifier, 20)) }
}

/// A program that was not started.
struct JobProcessError: Error, CustomStringConvertible, LocalizedError {
    /// One line: which, and why not.
    let description: String
    var errorDescription: String? { description }
}
