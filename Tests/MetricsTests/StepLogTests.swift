import FileTestSupport
import Foundation
import Metrics
import Testing
import ZstdFrames

@Suite struct StepLogTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func open(_ opening: MetricsOpening = .new, stepsPerFrame: Int = 4) throws -> StepLog {
        try StepLog(path: folder.path("steps.jsonl.zst"), opening: opening, stepsPerFrame: stepsPerFrame)
    }

    private func read() throws -> ZstdFrameFile {
        try ZstdFrameFile(reading: folder.path("steps.jsonl.zst"))
    }

    private func steps() throws -> [Int] {
        try read().contents.split(separator: UInt8(ascii: "\n")).map { line in
            let object = try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any]
            return try #require(object?["step"] as? Int)
        }
    }

    @Test func `A line has the step's numbers under their names`() throws {
        let log = try open()
        try log.recordStep(
            StepRecord(epoch: 1, step: 1, learningRate: 0.05, loss: .infinity, accuracy: 0.125))
        try log.close()
        #expect(
            try read().contents
                == Data(
                    #"{"epoch":1,"step":1,"learning_rate":0.05,"loss":null,"accuracy":0.125,"seconds":null,"#
                        .utf8)
                + Data("\"non_finite\":{\"loss\":\"inf\"}}\n".utf8))
    }

    @Test func `Frames close after the given steps, at an epoch's end and at a flush`() throws {
        let log = try open()
        try record(1...3, in: log)
        #expect(try read().frameCount == 0)
        try record(4...9, in: log)
        #expect(try read().frameCount == 2)
        #expect(try steps() == Array(1...8))
        try record(10...11, in: log)
        #expect(try steps() == Array(1...10))
        try log.flush()
        try log.flush()
        #expect(try steps() == Array(1...11))
        #expect(try read().frameCount == 4)
    }

    @Test func `A frame closes after the given time`() throws {
        let log = try StepLog(path: folder.path("steps.jsonl.zst"), secondsPerFrame: 0)
        try record(1...2, in: log)
        #expect(try steps() == [1, 2])
    }

    @Test(arguments: [0, 1, 4, 10, 15, 19, 23])
    func `A run that goes on from any step has every step once`(step: Int) throws {
        try record(1...23, in: try open())
        // Steps 21 to 23: no frame was closed after them, as in a crash.
        #expect(try steps() == Array(1...20))
        let log = try open(.continuing(MetricsPosition(epoch: step / 10, step: step)))
        let isComplete = step <= 20
        #expect(
            log.notes == (isComplete ? [] : ["\(folder.path("steps.jsonl.zst")): steps 21 to 23 are missing"])
        )
        try record(step + 1...30, in: log)
        try log.close()
        #expect(try steps() == Array(1...30).filter { isComplete || !(21...23).contains($0) })
        #expect(try read().contents.count > 0)
        #expect(try folder.names() == ["steps.jsonl.zst"])
    }

    @Test func `A damaged tail is dropped, and said to be`() throws {
        try record(1...20, in: try open())
        let whole = try folder.data("steps.jsonl.zst")
        try folder.put("steps.jsonl.zst", whole.dropLast(10))
        let log = try open(.continuing(MetricsPosition(epoch: 2, step: 20)))
        #expect(log.notes.count == 2)
        #expect(log.notes.first?.contains("which are damaged: truncated") == true)
        #expect(log.notes.last?.hasSuffix("steps 19 to 20 are missing") == true)
        try record(21...24, in: log)
        try log.close()
        #expect(try read().damage == nil)
        #expect(try steps() == Array(1...18) + Array(21...24))
    }

    @Test func `Going on without a file says what is missing`() throws {
        let log = try open(.continuing(MetricsPosition(epoch: 1, step: 12)))
        #expect(log.notes == ["\(folder.path("steps.jsonl.zst")): steps 1 to 12 are missing"])
        try record(13...16, in: log)
        #expect(try steps() == Array(13...16))
    }

    @Test func `A frame that did not fit on the disk is written once there is room`() async throws {
        let directory = folder.path
        await #expect(processExitsWith: .success) { [directory = directory as String] in
            let log = try StepLog(path: directory + "/steps.jsonl.zst")
            try limitFileSize(to: 100)
            try record(1...9, in: log)
            let error = #expect(throws: MetricsError.self) { try log.flush() }
            #expect(error?.description == "cannot write \(directory)/steps.jsonl.zst: File too large")
            #expect(try Data(contentsOf: URL(filePath: directory + "/steps.jsonl.zst")).isEmpty)
            try limitFileSize(to: 100_000)
            try log.close()
        }
        #expect(try steps() == Array(1...9))
    }

    @Test(.timeLimit(.minutes(1)))
    func `A log that cannot be read is not cut`() throws {
        let bomb = try ZstdFrame.compress(Data(count: 1 << 27))
        try folder.put("steps.jsonl.zst", bomb)
        let opening = MetricsOpening.continuing(.init(epoch: 1, step: 5))
        let error = #expect(throws: MetricsError.self) {
            try StepLog(path: folder.path("steps.jsonl.zst"), opening: opening)
        }
        #expect(error?.description.contains("more than 67108864 bytes") == true)
        #expect(try folder.data("steps.jsonl.zst") == bomb)

        try #require(mkfifo(folder.path("fifo"), 0o600) == 0)
        let waiting = #expect(throws: MetricsError.self) {
            try StepLog(path: folder.path("fifo"), opening: opening)
        }
        #expect(waiting?.description.contains("expected a regular file, found a FIFO") == true)
    }
}
