import Datasets
import Foundation
import Testing

@Suite struct PythonDirectoryTests {
    @Test(arguments: Fixture.batches)
    func `A batch that Python wrote has its labels and pixels`(_ name: String) throws {
        let records = try PythonBatch.records(in: try Fixture.bytes(name), location: name)
        #expect(records.labels == Fixture.labels)
        #expect(records.pixels == Fixture.pixels)
    }

    @Test(arguments: Fixture.batches)
    func `The python version has the same records as the binary version`(_ name: String) throws {
        let folder = try TemporaryFolder()
        try Fixture.writeSet(name, to: folder, below: "cifar-10-batches-py")
        var image: [UInt8] = []
        for record in 0..<3 {
            image.append(Fixture.labels[record])
            image += Fixture.pixels[record * 3072..<(record + 1) * 3072]
        }
        for batch in CIFARSet.cifar10.fileNames(.python) {
            try folder.write(image, "binary/" + batch + ".bin")
        }
        let python = try PythonDirectory(path: folder.path)
        let binary = try BinaryDirectory(path: folder.path + "/binary")
        for split in DatasetSplit.allCases {
            let count = binary.count(of: split)
            #expect(python.count(of: split) == count)
            for wanted in [Array(0..<count), [2], (0..<count).filter { $0 % 3 != 1 }, []] {
                #expect(try python.read(split, records: wanted) == (try binary.read(split, records: wanted)))
            }
        }
    }

    @Test(arguments: [
        ("hostile-protocol2", ["posix.system", "refused"]),
        ("hostile-protocol4", ["posix.system", "refused"]),
        ("float32-protocol4", ["dtype f4"]), ("column-major-protocol4", ["column-major"]),
        ("flat-protocol4", ["[9216]"]), ("label10-protocol4", ["record 1", "found 10"]),
    ])
    func `What is no batch of bytes is refused with its name`(_ name: String, _ words: [String]) throws {
        let folder = try TemporaryFolder()
        try Fixture.writeSet("python2-protocol2", to: folder, below: "set")
        try folder.write(try Fixture.bytes(name), "set/data_batch_2")
        let error = try #require(message { _ = try PythonDirectory(path: folder.path + "/set") })
        for word in words + ["set/data_batch_2"] { #expect(error.contains(word), "\(error)") }
        #expect(!error.contains("\n"))
    }

    @Test func `Names in a message hold no control characters`() throws {
        let pickle: [UInt8] = [0x80, 2] + Array("c\u{1B}[2Jevil\nname\r\n.".utf8)
        let error = try #require(message { _ = try PythonBatch.records(in: pickle, location: "file") })
        #expect(error.unicodeScalars.allSatisfy { $0.value >= 0x20 })
        #expect(error.contains("evil.name"))
    }

    @Test(arguments: [
        [], [0x80], Array("0\n.".utf8), [0x89, 0x50, 0x4E, 0x47], [0x80, 6, 0x2E], [0x80, 2, 0x2E],
    ])
    func `What is no pickle is refused`(_ bytes: [UInt8]) {
        #expect(throws: DatasetError.self) { try PythonBatch.records(in: bytes, location: "file") }
    }

    @Test func `Values nested too deep are refused, and freed without a deep recursion`() {
        let tuples = [0x80, 2, UInt8(ascii: ")")] + [UInt8](repeating: 0x85, count: 1_000_000)
        let error = message { _ = try PythonBatch.records(in: tuples, location: "file") }
        #expect(error?.contains("nested") == true)
        // A list into a list into a list: from the innermost out.
        let open = [UInt8](repeating: UInt8(ascii: "]"), count: 90_000)
        let lists = [0x80, 2] + open + [UInt8](repeating: UInt8(ascii: "a"), count: 89_999)
        #expect(
            message { _ = try PythonBatch.records(in: lists, location: "file") }?.contains("nested") == true)
    }

    @Test func `A list that would come to hold itself is refused`() {
        let pickle: [UInt8] = [0x80, 2] + Array("]q\u{0}h\u{0}a.".utf8)
        let error = message { _ = try PythonBatch.records(in: pickle, location: "file") }
        #expect(error?.contains("a list in two") == true)
    }

    @Test(
        .enabled(if: SharedData.truncatedBatch != nil, "needs the truncated official file in the test data"))
    func `The official file cut short says so, with the sizes`() throws {
        let source = try #require(SharedData.truncatedBatch)
        let folder = try TemporaryFolder()
        try Fixture.writeSet("python2-protocol2", to: folder, below: "set")
        try folder.write([UInt8](try Data(contentsOf: URL(fileURLWithPath: source))), "set/test_batch")
        let error = try #require(message { _ = try PythonDirectory(path: folder.path + "/set") })
        #expect(error.contains("set/test_batch") && error.contains("cut short"))
        #expect(error.contains("30720000") && error.contains("1500000"))
    }
}
