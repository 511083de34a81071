import Foundation
import Metrics
import Testing

/// The expected bytes are those of `SerializeToString` of Python's protobuf 7.36 for the messages of TensorBoard 2.21.
@Suite struct TensorBoardEventTests {
    private static func hex(_ event: TensorBoardEvent) -> String {
        event.encoded.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    @Test func `A file's version, at step 0, is encoded as protobuf does`() {
        let event = TensorBoardEvent(.fileVersion("brain.Event:2"), step: 0, wallTime: 1.5)
        #expect(Self.hex(event) == "09000000000000f83f1a0d627261696e2e4576656e743a32")
    }

    @Test func `The start of a session is encoded as protobuf does`() {
        let event = TensorBoardEvent(.sessionStart, step: 36, wallTime: 1_700_000_000.25)
        #expect(Self.hex(event) == "0900001040fc54d94110243a020801")
    }

    @Test func `Scalars, zero among them, are encoded as protobuf does`() {
        let event = TensorBoardEvent(
            .scalars([.init(tag: "loss/step", value: 0.4), .init(tag: "accuracy/step", value: 0)]), step: 300,
            wallTime: 1_700_000_000.25)
        #expect(
            Self.hex(event) == "0900001040fc54d94110ac022a280a100a096c6f73732f7374657015cdcccc3e"
                + "0a140a0d61636375726163792f737465701500000000")
    }

    @Test func `Texts and messages whose length takes two bytes are encoded as protobuf does`() {
        let tag = String(repeating: "é", count: 70)
        let event = TensorBoardEvent(
            .scalars([.init(tag: tag, value: .infinity)]), step: 1 << 40, wallTime: 1_700_000_000.25)
        #expect(
            Self.hex(event) == "0900001040fc54d941108080808080202a97010a94010a8c01"
                + String(repeating: "c3a9", count: 70) + "150000807f")
    }

    @Test(arguments: [
        (127, "09000000000000f83f107f2a00"), (128, "09000000000000f83f1080012a00"),
        (-1, "09000000000000f83f10ffffffffffffffffff012a00"),
    ])
    func `Steps of one, two and ten bytes are encoded as protobuf does`(step: Int, expected: String) {
        #expect(Self.hex(TensorBoardEvent(.scalars([]), step: step, wallTime: 1.5)) == expected)
    }

    @Test func `A value that is not a number is read as one that is not`() throws {
        let event = TensorBoardEvent(
            .scalars([.init(tag: "loss/step", value: .nan)]), step: 1, wallTime: -0.1)
        let read = try EventsFile.Event(event.encoded)
        #expect(read.wallTime == -0.1)
        #expect(read.step == 1)
        #expect(read.scalars["loss/step"]?.isNaN == true)
    }
}
