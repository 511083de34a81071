internal import CProducts

/// What computes products of bytes in integers.
public enum DigitUnit: String, Sendable, CaseIterable {
    /// AVX-512's `vpdpbusd`.
    case vnni = "AVX-512 VNNI"
    /// The tiles of Intel's AMX.
    case amx = "AMX"

    /// The best that this CPU and operating system have; nil where Float products are faster.
    public static var best: DigitUnit? { DigitUnit(dp_best_digit_unit()) }

    /// The one in use; nil for plain loops. Others than the best are for comparisons: at most the best is taken, and not
    /// while products are being computed. All give the same bits.
    public static var used: DigitUnit? {
        get { DigitUnit(dp_used_digit_unit()) }
        set { dp_use_digit_unit(newValue?.unit ?? dp_digits_portable) }
    }

    private init?(_ unit: dp_digit_unit) {
        switch unit {
        case dp_digits_vnni: self = .vnni
        case dp_digits_amx: self = .amx
        default: return nil
        }
    }

    private var unit: dp_digit_unit {
        switch self {
        case .vnni: dp_digits_vnni
        case .amx: dp_digits_amx
        }
    }
}
