internal import Synchronization

/// Messages for people, each kept once, until somebody takes them; for any thread.
final class MessageBox: Sendable {
    private struct State {
        var waiting: [String]
        var seen: Set<String>
    }

    private let state: Mutex<State>

    init(_ messages: [String]) {
        state = Mutex(State(waiting: messages, seen: Set(messages)))
    }

    func append(_ message: String) {
        state.withLock { state in
            if state.seen.insert(message).inserted { state.waiting.append(message) }
        }
    }

    func take() -> [String] {
        state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
    }
}
