import Dispatch
import Foundation
import Synchronization

/// Ends a process that takes too long, or when this one is told to end.
///
/// The process leads a group of its own, which a terminal's Ctrl-C does not reach.
final class ProcessWatch: @unchecked Sendable {
    private enum State { case running, tooLate, interrupted }

    private let process: Process
    private let state = Mutex(State.running)
    // Sources are not declared Sendable; only the thread that made this object touches the array.
    private var sources: [any DispatchSourceProtocol] = []

    /// Begins to watch a process that has been started.
    init(_ process: Process, timeLimit: Double) {
        self.process = process
        let queue = DispatchQueue(label: "dp-train.process-watch")
        let timer = DispatchSource.makeTimerSource(queue: queue)
        timer.schedule(deadline: .now() + timeLimit)
        timer.setEventHandler { [weak self] in self?.stop(.tooLate) }
        let signals = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { [weak self] in self?.stop(.interrupted) }
            return source as any DispatchSourceProtocol
        }
        sources = [timer as any DispatchSourceProtocol] + signals
        for source in sources { source.resume() }
    }

    /// Whether the process took too long.
    var isTooLate: Bool { state.withLock { $0 == .tooLate } }

    /// Whether this process was told to end.
    var isInterrupted: Bool { state.withLock { $0 == .interrupted } }

    /// Ends the process: asks it first, so that mpirun ends its ranks, and insists after ten seconds.
    func stop() { stop(.interrupted) }

    /// Watches no more.
    func end() {
        for source in sources { source.cancel() }
        sources = []
        for number in [SIGINT, SIGTERM] { signal(number, SIG_DFL) }
    }

    private func stop(_ reason: State) {
        let isFirst = state.withLock { state in
            defer { if state == .running { state = reason } }
            return state == .running
        }
        guard isFirst, process.isRunning else { return }
        let identifier = process.processIdentifier
        kill(identifier, SIGTERM)
        DispatchQueue.global().asyncAfter(deadline: .now() + 10) { [process] in
            if process.isRunning { kill(identifier, SIGKILL) }
        }
    }
}
