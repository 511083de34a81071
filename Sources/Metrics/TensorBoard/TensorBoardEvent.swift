package import Foundation

/// An event of a TensorBoard file, with the fields that dp-train writes.
///
/// Encoded as `Event` of tensorflow/core/util/event.proto, with `Summary` of tensorflow/core/framework/summary.proto.
package struct TensorBoardEvent: Sendable {
    /// What an event says.
    package enum Contents: Sendable {
        /// The version of the file's format: its first event.
        case fileVersion(String)
        /// Values at the event's step.
        case scalars([Scalar])
        /// A run goes on: what older files hold of this step and later ones is void.
        case sessionStart
    }

    /// A value and the name of its chart.
    package struct Scalar: Sendable {
        let tag: String
        let value: Float

        /// A scalar; TensorBoard groups tags by what stands before their "/".
        package init(tag: String, value: Float) {
            self.tag = tag
            self.value = value
        }
    }

    /// Field numbers of event.proto's `Event` and `SessionLog`, summary.proto's `Summary` and `Summary.Value`.
    private enum Field {
        enum Event {
            static let wallTime: UInt64 = 1
            static let step: UInt64 = 2
            static let fileVersion: UInt64 = 3
            static let summary: UInt64 = 5
            static let sessionLog: UInt64 = 7
        }

        enum SessionLog {
            static let status: UInt64 = 1
        }

        enum Summary {
            static let value: UInt64 = 1
        }

        enum Value {
            static let tag: UInt64 = 1
            static let simpleValue: UInt64 = 2
        }
    }

    /// `SessionLog.SessionStatus.START` of event.proto.
    private static let sessionStatusStart: Int64 = 1

    private let wallTime: Double
    private let step: Int64
    private let contents: Contents

    /// An event.
    ///
    /// - Parameters:
    ///   - contents: What it says.
    ///   - step: The number of steps taken.
    ///   - wallTime: Seconds since 1970.
    package init(_ contents: Contents, step: Int, wallTime: Double) {
        self.contents = contents
        self.step = Int64(step)
        self.wallTime = wallTime
    }

    /// The event as a protobuf message.
    package var encoded: Data {
        var event = ProtobufWriter()
        event.write(wallTime, field: Field.Event.wallTime)
        // As protobuf's own writers do: zero is what a reader takes a missing field for.
        if step != 0 { event.write(step, field: Field.Event.step) }
        switch contents {
        case .fileVersion(let version):
            event.write(version, field: Field.Event.fileVersion)
        case .scalars(let scalars):
            event.write(field: Field.Event.summary) { summary in
                for scalar in scalars {
                    summary.write(field: Field.Summary.value) { value in
                        value.write(scalar.tag, field: Field.Value.tag)
                        // Zero too: it is one of several kinds of value, and TensorBoard passes over one without.
                        value.write(scalar.value, field: Field.Value.simpleValue)
                    }
                }
            }
        case .sessionStart:
            event.write(field: Field.Event.sessionLog) { log in
                log.write(Self.sessionStatusStart, field: Field.SessionLog.status)
            }
        }
        return event.bytes
    }
}
