import Checkpoints
import FileTestSupport
import Foundation
import Testing

/// Runs a program found on the PATH, or at a path, and returns what it printed; nil if it is not there or failed.
func run(_ program: String, _ arguments: [String]) -> String? {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [program] + arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return nil }
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return process.terminationStatus == 0 ? String(decoding: data, as: UTF8.self) : nil
}

@Suite struct PythonTests {
    /// A Python for tests can be named in the environment.
    static let python = ProcessInfo.processInfo.environment["DP_TRAIN_TEST_PYTHON"] ?? "python3"
    static let hasSafetensors = run(python, ["-c", "import safetensors.numpy"]) != nil
    static let hasZstd = run("zstd", ["--version"]) != nil

    @Test(
        .enabled(
            if: hasSafetensors && hasZstd,
            "needs the zstd program and a Python with safetensors and numpy: python3 or DP_TRAIN_TEST_PYTHON")
    )
    func `Python reads the tensors and the metadata, and computes the same digest`() throws {
        let folder = try TemporaryFolder()
        let checkpoint = try sampleCheckpoint()
        try folder.put("c.safetensors.zst", try CheckpointFile.encode(checkpoint))
        #expect(run("zstd", ["-d", "-q", folder.path("c.safetensors.zst")]) != nil)
        let script = """
            import hashlib, json, struct, sys
            from safetensors import safe_open
            q = lambda n: struct.pack("<Q", n)
            types = {"float32": "F32", "int64": "I64", "uint8": "U8"}
            with safe_open(sys.argv[1], framework="numpy") as file:
                metadata = file.metadata()
                digest = hashlib.sha256()
                for name in sorted(file.keys(), key=lambda name: name.encode()):
                    array = file.get_tensor(name)
                    type, bytes = types[str(array.dtype)], array.tobytes()
                    digest.update(q(len(name.encode())) + name.encode() + q(len(type)) + type.encode())
                    digest.update(q(array.ndim) + b"".join(q(n) for n in array.shape) + q(len(bytes)) + bytes)
                weight = file.get_tensor("layers.0.weight")
            assert metadata["tensors_sha256"] == digest.hexdigest(), "digest"
            assert json.loads(metadata["configuration"])["batchSize"] == 128, "configuration"
            assert float(metadata["best_validation_accuracy"]) == 0.1 + 0.2, "accuracy"
            print(metadata["step"], digest.hexdigest(), weight.shape, float(weight[1, 2]).hex())
            """
        let printed = try #require(run(Self.python, ["-c", script, folder.path("c.safetensors")]))
        let weight = try checkpoint.tensor("layers.0.weight").floats()
        let fields = printed.split(separator: " ")
        #expect(printed.hasPrefix("390 \(TensorDigest.sha256(of: checkpoint.tensors)) (64, 30) "))
        let hexadecimal = try #require(fields.last?.trimmingCharacters(in: .whitespacesAndNewlines))
        #expect(Double(hexadecimal) == Double(weight[32]))
    }

    @Test(
        .enabled(
            if: hasSafetensors,
            "needs a Python with safetensors and numpy: python3 or DP_TRAIN_TEST_PYTHON"))
    func `A file that Python wrote is read`() throws {
        let folder = try TemporaryFolder()
        let script = """
            import sys, numpy
            from safetensors.numpy import save_file
            tensors = {"w": numpy.arange(6, dtype=numpy.float32).reshape(2, 3), "n": numpy.array(7, dtype=numpy.int64),
                       "h": numpy.array([1.5], dtype=numpy.float16), "ä": numpy.zeros((0, 3), dtype=numpy.uint8)}
            save_file(tensors, sys.argv[1], metadata={"format": "np", "quote": '"'})
            """
        #expect(run(Self.python, ["-c", script, folder.path("p.safetensors")]) != nil)
        let bytes = try folder.data("p.safetensors")
        let file = try SafetensorsFile.parse(bytes)
        #expect(file.metadata == ["format": "np", "quote": "\""])
        let tensors = Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, $0) })
        #expect(try tensors["w"]?.floats() == [0, 1, 2, 3, 4, 5])
        #expect(tensors["w"]?.shape == [2, 3])
        #expect(try tensors["n"]?.integer() == 7)
        #expect(tensors["n"]?.shape == [])
        #expect(tensors["h"]?.elementType == .float16)
        #expect(tensors["ä"]?.shape == [0, 3])
    }
}
