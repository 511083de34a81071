internal import CKernels

/// The instruction sets that there are kernels for, each with all that those before it have: the one choice that all kernels
/// are taken by.
public enum InstructionSet: String, Sendable, CaseIterable, Comparable {
    /// What every CPU of the architecture has; on arm64 that is Neon.
    case baseline
    /// AVX2 with fused multiply-adds.
    case avx2 = "AVX2"
    /// AVX-512.
    case avx512 = "AVX-512"
    /// AVX-512 with `vpdpbusd`, which multiplies bytes.
    case avx512vnni = "AVX-512 VNNI"
    /// Intel's AMX, whose tiles multiply bytes, besides.
    case amx = "AMX"

    /// The best that this CPU and operating system have.
    public static var best: InstructionSet { InstructionSet(dp_best_instruction_set()) }

    /// The one in use. Others than the best are for comparisons: at most the best is taken, and not while kernels run.
    public static var used: InstructionSet {
        get { InstructionSet(dp_used_instruction_set()) }
        set { dp_use_instruction_set(newValue.choice) }
    }

    /// Whether multiplications and additions are rounded once, together. All kernels that do so give the same bits.
    public var fusesMultiplyAdd: Bool {
        #if arch(x86_64)
        self != .baseline
        #else
        true
        #endif
    }

    /// Whether products of bytes are faster than those of Floats.
    public var multipliesBytes: Bool { self >= .avx512vnni }

    /// Whether the second has all that the first has, and more.
    public static func < (first: InstructionSet, second: InstructionSet) -> Bool {
        first.choice.rawValue < second.choice.rawValue
    }

    private init(_ choice: dp_instruction_set) {
        self =
            switch choice {
            case dp_avx2: .avx2
            case dp_avx512: .avx512
            case dp_avx512_vnni: .avx512vnni
            case dp_amx: .amx
            default: .baseline
            }
    }

    private var choice: dp_instruction_set {
        switch self {
        case .baseline: dp_baseline
        case .avx2: dp_avx2
        case .avx512: dp_avx512
        case .avx512vnni: dp_avx512_vnni
        case .amx: dp_amx
        }
    }
}

/// What computes a network, for the record: the instruction set of all kernels, and how pixels enter.
public struct UsedKernels: Sendable, CustomStringConvertible {
    /// The bytes of a number in a product with pixels; nil for Float products.
    public let slices: Int?

    /// The kernels in use now.
    public init(slices: Int?) { self.slices = slices }

    /// The kernels, such as `AVX-512 (fused multiply-add, pixels times 3 bytes)`.
    public var description: String { "\(InstructionSet.used.rawValue) (\(rounding))" }

    /// Whether kernels described like this gave the same bits.
    public func giveSameBits(as description: String) -> Bool { description.hasSuffix("(\(rounding))") }

    /// All that decides about the bits.
    private var rounding: String {
        let multiplyAdd = InstructionSet.used.fusesMultiplyAdd ? "fused" : "separate"
        let pixels = slices.map { "pixels times \($0) bytes" } ?? "pixels as numbers"
        return "\(multiplyAdd) multiply-add, \(pixels)"
    }
}
