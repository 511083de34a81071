internal import Tensors
internal import Training

/// One kernel, or one function of the engine, that decides a bit of a run's result: what it makes of inputs that are the
/// same on every machine.
///
/// The inputs have shapes that no vector divides, and values at the edges of Float; none for which the result is no number
/// or is not defined.
package struct KernelCheck: Sendable {
    /// The kernel, by its name in CKernels where it has one.
    package let name: String
    private let compute: @Sendable (KernelTrial) throws -> Void

    init(_ name: String, _ compute: @escaping @Sendable (KernelTrial) throws -> Void) {
        (self.name, self.compute) = (name, compute)
    }

    /// All that there are.
    package static var all: [KernelCheck] {
        products + integerProducts + byteProducts + bfloat16Products + activations + sums + fixedPoint + norms
            + losses + optimizers + randomNumbers + schedules + images
    }

    /// The bits of all that the kernel in use makes of its inputs.
    ///
    /// - Throws: `AllocationError`, or what a data set throws.
    package func bits() throws -> [UInt32] {
        // Each has inputs of its own, so that a further one changes nothing for the others.
        let trial = KernelTrial(seed: name.utf8.reduce(1) { $0 &* 31 &+ UInt64($1) })
        try compute(trial)
        return trial.bits
    }

    /// The digest of such bits, which the table has.
    package static func digest(of bits: [UInt32]) -> UInt64 {
        var hash = BitsHash()
        for word in bits { hash.add(UInt64(word)) }
        return hash.value
    }
}

/// The inputs of a kernel, memory for its results, and their bits.
final class KernelTrial {
    private(set) var bits: [UInt32] = []
    private var inputs: ProbeNumbers
    private var memory: [UnsafeMutableRawPointer] = []

    init(seed: UInt64) { inputs = ProbeNumbers(seed: seed) }

    deinit { for pointer in memory { pointer.deallocate() } }

    // MARK: Inputs

    /// Memory, all zeros.
    func zeros<Scalar: BitwiseCopyable>(_ count: Int, of _: Scalar.Type) -> Vector<Scalar> {
        let bytes = max(1, count) * MemoryLayout<Scalar>.stride
        let pointer = UnsafeMutableRawPointer.allocate(
            byteCount: bytes, alignment: AlignedBuffer<Scalar>.alignment)
        pointer.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
        memory.append(pointer)
        return Vector(base: pointer.bindMemory(to: Scalar.self, capacity: max(1, count)), count: count)
    }

    /// Memory for numbers, all zeros.
    func zeros(_ count: Int) -> Vector<Float> { zeros(count, of: Float.self) }

    /// A matrix, all zeros.
    func zeros(_ rows: Int, _ columns: Int) -> Matrix<Float> {
        zeros(rows * columns).matrix(rows: rows, columns: columns)
    }

    /// Numbers below `range`, a power of two, in magnitude.
    func numbers(_ count: Int, range: Float = 1) -> Vector<Float> {
        let numbers = zeros(count)
        inputs.fill(numbers, range: range)
        return numbers
    }

    /// A matrix of such numbers.
    func numbers(_ rows: Int, _ columns: Int, range: Float = 1) -> Matrix<Float> {
        numbers(rows * columns, range: range).matrix(rows: rows, columns: columns)
    }

    /// Numbers from 0 to `range`.
    func magnitudes(_ count: Int, range: Float = 1) -> Vector<Float> {
        let numbers = numbers(count, range: range)
        for index in 0..<count { numbers[index] = numbers[index].magnitude }
        return numbers
    }

    /// Numbers of many magnitudes, from 2⁻¹² to 2⁷, behind the special ones.
    func spread(_ count: Int) -> Vector<Float> {
        let numbers = numbers(count)
        for index in 0..<count {
            let exponent = Int(inputs.next() >> 40) % 20 - 12
            numbers[index] = Float(sign: .plus, exponent: exponent, significand: numbers[index])
        }
        for (index, value) in Self.special.enumerated() { numbers[index] = value }
        return numbers
    }

    /// Bytes.
    func bytes(_ count: Int) -> Vector<UInt8> {
        let bytes = zeros(count, of: UInt8.self)
        inputs.fill(bytes)
        return bytes
    }

    /// Both zeros, numbers below the smallest normal one, the largest, and where the exponential function begins and ends.
    private static let special: [Float] = [
        0, -0.0, .leastNonzeroMagnitude, -.leastNonzeroMagnitude, 0x1.8p-130, -0x1.fp-127,
        .leastNormalMagnitude, -.leastNormalMagnitude, 0x1p-60, -0x1p-30, 1, -1, 0.5, -0.5, 88.5, -87.5,
        -103.5, -104.5, 0x1p60, -0x1p60, 0x1p100, -0x1p100,
    ]

    // MARK: Shapes

    /// The lengths of parts of a vector that are computed by themselves: all rests of vectors, at places that are aligned to
    /// nothing, and longer ones.
    private static let lengths = Array(1...35) + [67, 261, 600]
    /// The sum of these lengths.
    static let length = lengths.reduce(0, +)

    /// Calls `body` for each part of a vector of ``length``.
    func forEachPart(_ body: (_ start: Int, _ count: Int) -> Void) {
        var start = 0
        for count in Self.lengths {
            body(start, count)
            start += count
        }
    }

    /// Shapes for kernels that work on rows.
    static let shapes = [(1, 1), (3, 5), (7, 16), (13, 33), (37, 67), (5, 261)]

    // MARK: Results

    func add(_ values: Vector<Float>) {
        // A NaN is one whatever it holds besides: that differs from architecture to architecture.
        for value in values.buffer { bits.append(value.isNaN ? Float.nan.bitPattern : value.bitPattern) }
    }

    func add(_ matrix: Matrix<Float>) { add(matrix.vector) }

    func add(_ value: Double) { add(value.isNaN ? Double.nan.bitPattern : value.bitPattern) }

    func add(_ word: UInt64) { bits += [UInt32(truncatingIfNeeded: word), UInt32(word >> 32)] }

    func add(_ bytes: some Sequence<UInt8>) {
        for byte in bytes { bits.append(UInt32(byte)) }
    }
}
