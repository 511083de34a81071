internal import Synchronization

/// Messages for people, each kept once, until somebody takes them; for any thread.
package final class MessageBox: Sendable {
    private struct State {
        var waiting: [String]
        var seen: Set<String>
    }

    private let state: Mutex<State>

    package init(_ messages: [String]) {
        state = Mutex(State(waiting: messages, seen: Set(messages)))
    }

    package func append(_ message: String) {
        state.withLock { state in
            if state.seen.insert(message).inserted { state.waiting.append(message) }
        }
    }

    package func take() -> [String] {
        state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
    }
}
