internal import CKernels

/// The instruction set by which all kernels are chosen, those of matrix products and the element-wise ones.
public enum ProductKernels: String, Sendable, CaseIterable {
    /// What every CPU of the architecture has; on arm64 that is Neon.
    case baseline
    /// AVX2 with fused multiply-adds.
    case avx2 = "AVX2"
    /// AVX-512.
    case avx512 = "AVX-512"

    /// The best that this CPU has.
    public static var best: ProductKernels { ProductKernels(dp_best_instruction_set()) }

    /// Those in use. Others than the best are for comparisons: at most the best are taken, and not while kernels
    /// run.
    public static var used: ProductKernels {
        get { ProductKernels(dp_used_instruction_set()) }
        set { dp_use_instruction_set(newValue.instructionSet) }
    }

    /// Whether multiplications and additions are rounded once, together. All kernels that do so give the same bits.
    public var fusesMultiplyAdd: Bool {
        #if arch(x86_64)
        self != .baseline
        #else
        true
        #endif
    }

    private init(_ set: dp_instruction_set) {
        self =
            switch set {
            case dp_avx512: .avx512
            case dp_avx2: .avx2
            default: .baseline
            }
    }

    private var instructionSet: dp_instruction_set {
        switch self {
        case .baseline: dp_baseline
        case .avx2: dp_avx2
        case .avx512: dp_avx512
        }
    }
}
