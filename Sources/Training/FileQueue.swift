internal import Foundation
package import Metrics
package import Threads

/// The metric files of a run, written in order on a queue of their own.
///
/// What a file's sink throws becomes a message; the other files, and the records behind that one, go on as if nothing had
/// happened.
///
/// `@unchecked Sendable` rests on this: the sinks are touched on the queue alone.
package final class FileQueue: @unchecked Sendable {
    private let sinks: [any MetricsSink]
    private let messages: MessageBox
    private let queue: SerialThread

    /// - Throws: `ThreadError`.
    package init(sinks: [any MetricsSink], messages: MessageBox) throws(ThreadError) {
        queue = try SerialThread("run files")
        self.sinks = sinks
        self.messages = messages
    }

    package func record(_ steps: [StepRecord]) {
        queue.async { [self] in
            for sink in sinks {
                // One by one: a sink that cannot write keeps the record for which it says so, and no other.
                for step in steps { attempt { try sink.recordStep(step) } }
            }
        }
    }

    package func record(_ epoch: EpochRecord) {
        queue.async { [self] in
            for sink in sinks { attempt { try sink.recordEpoch(epoch) } }
        }
    }

    /// Has everything recorded so far brought to the storage.
    package func flush() {
        queue.async { [self] in
            for sink in sinks { attempt { try sink.flush() } }
        }
    }

    /// Has `body` called behind everything enqueued so far.
    package func afterAll(_ body: @escaping @Sendable () -> Void) {
        queue.async(execute: body)
    }

    /// Closes all files and waits for that.
    ///
    /// - Returns: What could not be written even now, in a line for each file.
    package func close() -> [String] {
        queue.sync { sinks.compactMap { sink in attempt { try sink.close() } } }
    }

    /// Calls `body`; an error becomes a message, which is returned.
    @discardableResult
    private func attempt(_ body: () throws -> Void) -> String? {
        do {
            try body()
            return nil
        } catch {
            messages.append("\(error)")
            return "\(error)"
        }
    }
}
