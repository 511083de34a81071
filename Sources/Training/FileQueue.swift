internal import Foundation
internal import Metrics
internal import Threads

/// The metric files of a run, written in order on a queue of their own.
///
/// `@unchecked Sendable` rests on this: the sinks are touched on the queue alone.
final class FileQueue: @unchecked Sendable {
    private let sinks: [any MetricsSink]
    private let messages: MessageBox
    private let queue: SerialThread

    /// - Throws: `ThreadError`.
    init(sinks: [any MetricsSink], messages: MessageBox) throws(ThreadError) {
        queue = try SerialThread("run files")
        self.sinks = sinks
        self.messages = messages
    }

    /// Has `body` called with each sink; what it throws becomes a message.
    func enqueue(_ body: @escaping @Sendable (any MetricsSink) throws -> Void) {
        queue.async { [self] in
            for sink in sinks {
                do { try body(sink) } catch { messages.append("\(error)") }
            }
        }
    }

    /// Has `body` called behind everything enqueued so far.
    func afterAll(_ body: @escaping @Sendable () -> Void) {
        queue.async(execute: body)
    }

    /// Waits until everything enqueued so far is done.
    func wait() {
        queue.sync {}
    }
}
