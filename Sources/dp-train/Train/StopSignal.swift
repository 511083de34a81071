import Foundation
import Synchronization

/// The signals that ask a run to write a checkpoint and end: SIGTERM, SIGINT, and SIGUSR1, which batch systems can send
/// ahead of a time limit.
enum StopSignal {
    private static let received = Atomic(false)

    /// Whether one has come.
    static var wasReceived: Bool { received.load(ordering: .relaxed) }

    /// From now on these signals raise a flag. A second SIGINT or SIGTERM ends the process at once.
    static func watch() {
        for number in [SIGTERM, SIGINT, SIGUSR1] {
            signal(number) { number in
                if number != SIGUSR1, StopSignal.received.load(ordering: .relaxed) {
                    signal(number, SIG_DFL)
                    raise(number)
                }
                StopSignal.received.store(true, ordering: .relaxed)
            }
        }
    }
}
