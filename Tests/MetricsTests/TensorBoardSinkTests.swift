import FileTestSupport
import Foundation
import Metrics
import Testing

@Suite struct TensorBoardSinkTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func events(_ sink: TensorBoardSink) throws -> [EventsFile.Event] {
        try EventsFile(try Data(contentsOf: URL(filePath: sink.path))).events
    }

    @Test func `The checksum of this test is CRC-32C`() {
        #expect(EventsFile.crc(Data("123456789".utf8)) == 0xe306_9283)
    }

    @Test func `The file has its version, each interval's steps and each epoch`() throws {
        let before = Date().timeIntervalSince1970
        let sink = try TensorBoardSink(directory: folder.path, stepInterval: 5)
        try record(1...10, in: sink)
        try sink.close()
        let after = Date().timeIntervalSince1970
        let events = try events(sink)
        #expect(events.allSatisfy { before <= $0.wallTime && $0.wallTime <= after })
        #expect(events.map(\.step) == [0, 5, 10, 10])
        #expect(events[0].fileVersion == "brain.Event:2")
        #expect(events[1].scalars == ["loss/step": 0.4, "accuracy/step": 0.25, "learning_rate": 0.1])
        #expect(events[3].scalars == ["loss/train": 1, "accuracy/train": 0.5, "images_per_second": 25_000])
    }

    @Test func `A validation and, without steps, the learning rate are written; zero is written too`() throws
    {
        let sink = try TensorBoardSink(directory: folder.path)
        var epoch = sampleEpoch(2)
        epoch.trainLoss = 0
        try sink.recordEpoch(epoch)
        #expect(
            try events(sink).last?.scalars == [
                "loss/train": 0, "accuracy/train": 0.5, "images_per_second": 25_000, "loss/validation": 1.5,
                "accuracy/validation": 0.3, "learning_rate": 1e-5,
            ])
    }

    @Test func `A run that goes on writes a new, later file that starts a session after its step`() throws {
        let first = try TensorBoardSink(directory: folder.path)
        try first.close()
        let before = try Data(contentsOf: URL(filePath: first.path))
        let second = try TensorBoardSink(
            directory: folder.path, opening: .continuing(MetricsPosition(epoch: 3, step: 35)))
        #expect(second.path > first.path)
        let start = try #require(try events(second).last)
        #expect(start.sessionStatus == 1)
        #expect(start.step == 36)
        #expect(try Data(contentsOf: URL(filePath: first.path)) == before)
    }

    @Test func `The name is one that TensorBoard looks for`() throws {
        let sink = try TensorBoardSink(directory: folder.path)
        let name = try #require(try folder.names().first)
        #expect(sink.path == folder.path(name))
        #expect(name.hasPrefix("events.out.tfevents."))
        #expect(name.hasSuffix(".\(ProcessInfo.processInfo.processIdentifier)"))
        #expect(name.split(separator: ".")[3].count == 10)
    }

    @Test func `A folder that is not there is named with the reason`() {
        let path = folder.path("none")
        let error = #expect(throws: MetricsError.self) { try TensorBoardSink(directory: path) }
        #expect(error?.description == "cannot list \(path): No such file or directory")
    }

    @Test func `A file of a time that no clock shows does not matter`() throws {
        for time in ["9223372036854775807", "-5", "x"] {
            try folder.put("events.out.tfevents.\(time).host.1", Data())
        }
        let sink = try TensorBoardSink(directory: folder.path)
        #expect(!sink.path.contains("9223372036854775807"))
        #expect(try events(sink).count == 1)
    }
}
