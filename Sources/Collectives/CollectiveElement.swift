/// The element types that collectives transfer and reduce, each of which has an exact counterpart in MPI.
public enum CollectiveElementType: String, Sendable, CaseIterable {
    /// IEEE 754 single precision, `MPI_FLOAT`.
    case float
    /// IEEE 754 double precision, `MPI_DOUBLE`.
    case double
    /// `MPI_INT32_T`.
    case int32
    /// `MPI_INT64_T`.
    case int64
    /// `MPI_UINT64_T`.
    case uint64
    /// `MPI_UINT8_T`.
    case uint8
}

/// A type whose values can be sent by the collectives of a ``Communicator``.
///
/// The conforming types are `Float`, `Double`, `Int32`, `Int64`, `UInt64` and `UInt8`; a conformance of a further type has to
/// have the memory layout of one of them.
public protocol CollectiveElement: BitwiseCopyable, Comparable, Sendable {
    /// The layout and arithmetic of this type.
    static var elementType: CollectiveElementType { get }

    /// The sum as MPI computes it: rounded for floating-point types, modulo 2ⁿ for integers of n bits.
    static func collectiveSum(_ left: Self, _ right: Self) -> Self
}

extension Float: CollectiveElement {
    /// `MPI_FLOAT`.
    public static var elementType: CollectiveElementType { .float }
    /// `left + right`, rounded to nearest.
    public static func collectiveSum(_ left: Float, _ right: Float) -> Float { left + right }
}

extension Double: CollectiveElement {
    /// `MPI_DOUBLE`.
    public static var elementType: CollectiveElementType { .double }
    /// `left + right`, rounded to nearest.
    public static func collectiveSum(_ left: Double, _ right: Double) -> Double { left + right }
}

extension Int32: CollectiveElement {
    /// `MPI_INT32_T`.
    public static var elementType: CollectiveElementType { .int32 }
    /// `left + right` modulo 2³².
    public static func collectiveSum(_ left: Int32, _ right: Int32) -> Int32 { left &+ right }
}

extension Int64: CollectiveElement {
    /// `MPI_INT64_T`.
    public static var elementType: CollectiveElementType { .int64 }
    /// `left + right` modulo 2⁶⁴.
    public static func collectiveSum(_ left: Int64, _ right: Int64) -> Int64 { left &+ right }
}

extension UInt64: CollectiveElement {
    /// `MPI_UINT64_T`.
    public static var elementType: CollectiveElementType { .uint64 }
    /// `left + right` modulo 2⁶⁴.
    public static func collectiveSum(_ left: UInt64, _ right: UInt64) -> UInt64 { left &+ right }
}

extension UInt8: CollectiveElement {
    /// `MPI_UINT8_T`.
    public static var elementType: CollectiveElementType { .uint8 }
    /// `left + right` modulo 2⁸.
    public static func collectiveSum(_ left: UInt8, _ right: UInt8) -> UInt8 { left &+ right }
}

/// How an ``Communicator/allreduce(_:_:)`` combines the elements of all ranks.
public enum ReductionOperation: String, Sendable, CaseIterable {
    /// The sum over all ranks. In floating point its bits may depend on the order that the communicator chooses.
    case sum
    /// The least element. The result is unspecified where a rank contributes a NaN.
    case minimum
    /// The greatest element. The result is unspecified where a rank contributes a NaN.
    case maximum

    /// Combines two elements.
    public func combining<E: CollectiveElement>(_ left: E, _ right: E) -> E {
        switch self {
        case .sum: E.collectiveSum(left, right)
        case .minimum: right < left ? right : left
        case .maximum: left < right ? right : left
        }
    }
}
