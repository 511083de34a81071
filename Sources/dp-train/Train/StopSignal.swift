import Foundation
import Synchronization

/// The signals that ask a run to write a checkpoint and end: SIGTERM, SIGINT, and SIGUSR1, which batch systems can send
/// ahead of a time limit.
///
/// They are caught from the first step until the last checkpoint has been written. Before and after that there is nothing
/// to be saved, and they end the process at once.
enum StopSignal {
    private static let numbers = [SIGTERM, SIGINT, SIGUSR1]
    /// The first one that has come; 0 before.
    private static let received = Atomic<Int32>(0)

    /// Whether one has come.
    static var wasReceived: Bool { received.load(ordering: .relaxed) != 0 }

    /// From now on these signals are noted. A second SIGINT or SIGTERM ends the process at once.
    static func watch() {
        for number in numbers {
            signal(number) { number in
                if number != SIGUSR1, StopSignal.wasReceived {
                    signal(number, SIG_DFL)
                    raise(number)
                }
                StopSignal.received.store(number, ordering: .relaxed)
            }
        }
    }

    /// From now on these signals end the process, as does one that has come since the last step looked.
    static func endWatch() {
        for number in numbers { signal(number, SIG_DFL) }
        let number = received.load(ordering: .relaxed)
        if number != 0 { raise(number) }
    }
}
