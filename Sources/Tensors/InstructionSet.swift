internal import CKernels

/// The instruction sets that there are kernels for: the one choice that all kernels are taken by. All of them give the same bits.
public enum InstructionSet: String, Codable, Sendable, CaseIterable, Comparable {
    /// What every CPU of the architecture has: SSE2 on x86-64, Neon on arm64.
    case baseline
    /// AVX2 with fused multiply-adds.
    case avx2
    /// AVX2 with AVX-VNNI's `vpdpbusd`, which multiplies bytes.
    case avx2VNNI = "avx2-vnni"
    /// AVX-512.
    case avx512
    /// AVX-512 with `vpdpbusd`, which multiplies bytes.
    case avx512VNNI = "avx512-vnni"
    /// The same with `vdpbf16ps`, which multiplies bfloat16 numbers.
    case avx512BF16 = "avx512-bf16"
    /// Intel's AMX, whose tiles multiply bytes, besides.
    case amx
    /// Neon with `sdot`, which multiplies bytes.
    case neonDot = "neon-dot"

    /// The best that this CPU and operating system have.
    public static var best: InstructionSet { InstructionSet(dp_best_instruction_set()) }

    /// Those that this CPU and operating system have, the best one last.
    public static var available: [InstructionSet] {
        allCases.filter { dp_has_instruction_set($0.choice) != 0 }
    }

    /// The one in use, the best at first. Another one is for comparisons; one that this CPU lacks is not taken. Numbers
    /// packed for products with bytes are multiplied by the one that has packed them.
    public static var used: InstructionSet {
        get { InstructionSet(dp_used_instruction_set()) }
        set { dp_use_instruction_set(newValue.choice) }
    }

    /// Its name, such as `AVX-512 VNNI`.
    public var name: String {
        switch self {
        case .baseline:
            #if arch(x86_64)
            "SSE2"
            #elseif arch(arm64)
            "Neon"
            #else
            "baseline"
            #endif
        case .avx2: "AVX2"
        case .avx2VNNI: "AVX2 with AVX-VNNI"
        case .avx512: "AVX-512"
        case .avx512VNNI: "AVX-512 VNNI"
        case .avx512BF16: "AVX-512 BF16"
        case .amx: "AMX"
        case .neonDot: "Neon with dot products"
        }
    }

    /// Whether it has no fused multiply-adds, so that kernels compute their bits by other means, many times slower.
    public var emulatesMultiplyAdd: Bool { self == .baseline && dp_baseline_is_slow() != 0 }

    /// Whether a unit for vectors of 64 bytes multiplies bytes, faster than Floats.
    public var multipliesBytes: Bool { self == .avx512VNNI || self == .avx512BF16 || self == .amx }

    /// Whether a unit for vectors of 64 bytes multiplies bfloat16 numbers.
    public var multipliesBFloat16: Bool {
        self == .avx512BF16 || self == .amx && dp_has_instruction_set(dp_avx512_bf16) != 0
    }

    /// Whether the second is the better one.
    public static func < (first: InstructionSet, second: InstructionSet) -> Bool {
        first.choice.rawValue < second.choice.rawValue
    }

    private init(_ choice: dp_instruction_set) {
        self =
            switch choice {
            case dp_avx2: .avx2
            case dp_avx2_vnni: .avx2VNNI
            case dp_avx512: .avx512
            case dp_avx512_vnni: .avx512VNNI
            case dp_avx512_bf16: .avx512BF16
            case dp_amx: .amx
            case dp_neon_dot: .neonDot
            default: .baseline
            }
    }

    var choice: dp_instruction_set {
        switch self {
        case .baseline: dp_baseline
        case .avx2: dp_avx2
        case .avx2VNNI: dp_avx2_vnni
        case .avx512: dp_avx512
        case .avx512VNNI: dp_avx512_vnni
        case .avx512BF16: dp_avx512_bf16
        case .amx: dp_amx
        case .neonDot: dp_neon_dot
        }
    }
}

/// All that decides about the bits of a network's products and functions: the same on every CPU.
public struct Arithmetic: Sendable, CustomStringConvertible {
    /// The bytes of a number in a product with pixels; nil for Float products.
    public let slices: Int?
    /// Whether there are layers whose products are of bfloat16 numbers.
    public let hasBFloat16: Bool

    /// Arithmetic of this program.
    public init(slices: Int?, hasBFloat16: Bool) { (self.slices, self.hasBFloat16) = (slices, hasBFloat16) }

    /// What is recorded, such as `portable (fused multiply-add, pixels times 3 bytes)`.
    public var description: String { "portable (\(rounding))" }

    /// Whether a record says that bits came from the same arithmetic. Earlier records name the instruction set before it.
    public func givesSameBits(as record: String) -> Bool { record.hasSuffix("(\(rounding))") }

    private var rounding: String {
        slices == 1
            ? "products of bytes"
            : "fused multiply-add, \(slices.map { "pixels times \($0) bytes" } ?? "pixels as numbers")"
                + (hasBFloat16 ? ", hidden layers in bfloat16" : "")
    }
}
