public import Collectives

/// A collective's element that can be made from a small whole number.
public protocol NumberElement: CollectiveElement {
    /// The number, which the type can hold.
    init(exactlyRepresented number: Int)
}

extension Float: NumberElement {
    /// The number.
    public init(exactlyRepresented number: Int) { self = Float(number) }
}
extension Double: NumberElement {
    /// The number.
    public init(exactlyRepresented number: Int) { self = Double(number) }
}
extension Int64: NumberElement {
    /// The number.
    public init(exactlyRepresented number: Int) { self = Int64(number) }
}
extension UInt64: NumberElement {
    /// The number.
    public init(exactlyRepresented number: Int) { self = UInt64(number) }
}
extension UInt8: NumberElement {
    /// The number.
    public init(exactlyRepresented number: Int) { self = UInt8(number) }
}
