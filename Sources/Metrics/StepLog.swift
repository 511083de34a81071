internal import DurableFiles
internal import Foundation
internal import ZstdFrames

/// `steps.jsonl.zst`: a JSON object per line and step, in zstd frames; `zstd -d` and `zstdcat` read it.
///
/// Keys: epoch, step, learning_rate, loss, accuracy, seconds; numbers as in `JSONLinesSink`. A frame is closed and
/// written after a number of steps or seconds, at the end of an epoch, and at `flush`: a crash loses at most the open
/// frame.
public final class StepLog: MetricsSink {
    /// What had to be repaired when the file was opened: lines for the user.
    public let notes: [String]

    private let path: String
    private let stepsPerFrame: Int
    private let secondsPerFrame: Double
    private let writer: ZstdFrameWriter
    private var steps = 0
    private var opened = ContinuousClock.now

    /// Opens the file.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - opening: Whether it begins or goes on.
    ///   - stepsPerFrame: A frame is closed after this many steps.
    ///   - secondsPerFrame: A frame is closed with the first step that comes this long after it was opened.
    /// - Throws: `MetricsError`.
    public init(
        path: String, opening: MetricsOpening = .new, stepsPerFrame: Int = 1000, secondsPerFrame: Double = 10
    ) throws(MetricsError) {
        self.path = path
        self.stepsPerFrame = max(1, stepsPerFrame)
        self.secondsPerFrame = secondsPerFrame
        do {
            var isNew = true
            var notes: [String] = []
            if case .continuing(let position) = opening {
                notes = try Self.cut(path, after: position)
                isNew = false
            }
            self.notes = notes
            writer = try ZstdFrameWriter(path: path, truncating: isNew)
        } catch {
            throw MetricsError(error, path: path, operation: "open")
        }
    }

    /// Adds the step's line to the open frame.
    ///
    /// - Throws: `MetricsError` if the frame was to be closed and could not; its lines are kept and tried again.
    public func recordStep(_ record: StepRecord) throws(MetricsError) {
        if steps == 0 { opened = .now }
        steps += 1
        do { try writer.append(Data((record.fields.json + "\n").utf8)) } catch {
            throw MetricsError(error, path: path, operation: "write")
        }
        if steps >= stepsPerFrame || (ContinuousClock.now - opened) / .seconds(1) >= secondsPerFrame {
            try flush()
        }
    }

    /// Closes the open frame; epochs have no line.
    ///
    /// - Throws: `MetricsError`; the frame's lines are kept and tried again.
    public func recordEpoch(_ record: EpochRecord) throws(MetricsError) { try flush() }

    /// Closes the open frame and waits until it has reached the storage.
    ///
    /// - Throws: `MetricsError`; the frame's lines are kept and tried again.
    public func flush() throws(MetricsError) {
        // Also after a failure: it is tried again with the next frame, not with every step.
        steps = 0
        do { try writer.closeFrame() } catch { throw MetricsError(error, path: path, operation: "write") }
    }

    /// Flushes for the last time.
    ///
    /// - Throws: `MetricsError`.
    public func close() throws(MetricsError) { try flush() }

    /// Drops what was recorded after `position`, and a damaged tail; the file is replaced as a whole.
    private static func cut(_ path: String, after position: MetricsPosition) throws -> [String] {
        let old: ZstdFrameFile
        do {
            old = try ZstdFrameFile(reading: path)
        } catch let error as FileError where error.isNotFound {
            return position.step > 0 ? ["\(path): steps 1 to \(position.step) are missing"] : []
        }
        let kept = KeptLines(
            old.contents, keeping: { $0.step <= position.step }, parsing: { RecordLine(json: $0) })
        var notes: [String] = []
        if let damage = old.damage {
            notes.append("\(path): dropped the last \(old.damagedSize) bytes, which are damaged: \(damage)")
        }
        if kept.malformed > 0 { notes.append("\(path): dropped \(kept.malformed) damaged line(s)") }
        if kept.lastStep < position.step {
            notes.append("\(path): steps \(kept.lastStep + 1) to \(position.step) are missing")
        }
        if old.damage != nil || kept.text != old.contents {
            let frame = kept.text.isEmpty ? Data() : try ZstdFrame.compress(kept.text)
            try Files.replace(path, with: frame)
        }
        return notes
    }
}
