/// How often records of each class were taken for each class, and what follows from it.
///
/// Counts are whole numbers: sums over ranks are exact in any order.
public struct ConfusionMatrix: Codable, Sendable, Hashable {
    /// The names of the classes, by label.
    public let classes: [String]
    /// [K, K]: `counts[t][p]` records of class t were taken for class p.
    public private(set) var counts: [[Int]]

    /// No records yet.
    public init(classes: [String]) {
        self.init(
            classes: classes,
            counts: Array(repeating: Array(repeating: 0, count: classes.count), count: classes.count))
    }

    /// - Precondition: `counts` is [K, K] for K classes.
    public init(classes: [String], counts: [[Int]]) {
        precondition(counts.count == classes.count && counts.allSatisfy { $0.count == classes.count })
        self.classes = classes
        self.counts = counts
    }

    /// More records than any data set has, and few enough for sums.
    static let largestCount = 1 << 40
    /// Labels are bytes.
    private static let mostClasses = 256

    private enum CodingKeys: String, CodingKey { case classes, counts }

    /// Reads a matrix.
    ///
    /// - Throws: `DecodingError`, also for counts that are none of these classes.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        classes = try values.decode([String].self, forKey: .classes)
        counts = try values.decode([[Int]].self, forKey: .counts)
        let isSquare = counts.count == classes.count && counts.allSatisfy { $0.count == classes.count }
        guard isSquare, classes.count <= Self.mostClasses,
            counts.allSatisfy({ $0.allSatisfy { (0...Self.largestCount).contains($0) } })
        else {
            throw DecodingError.dataCorruptedError(
                forKey: .counts, in: values, debugDescription: "no counts of \(classes.count) classes")
        }
    }

    /// Counts a record of class `label` that was taken for class `prediction`.
    public mutating func add(label: Int, prediction: Int) { counts[label][prediction] += 1 }

    /// All records.
    public var total: Int { counts.reduce(0) { $0 + $1.reduce(0, +) } }
    /// The records that were taken for what they are.
    public var correct: Int { classes.indices.reduce(0) { $0 + counts[$1][$1] } }
    /// Correct predictions / records, 0 to 1; nil without records.
    public var accuracy: Double? { Self.ratio(correct, total) }

    /// The records of a class.
    public func support(of label: Int) -> Int { counts[label].reduce(0, +) }

    /// Of the records taken for a class, the share that belongs to it; nil where none was taken for it.
    public func precision(of label: Int) -> Double? {
        Self.ratio(counts[label][label], counts.reduce(0) { $0 + $1[label] })
    }

    /// Of the records of a class, the share that was taken for it; nil where there are none.
    public func recall(of label: Int) -> Double? { Self.ratio(counts[label][label], support(of: label)) }

    /// The harmonic mean of precision and recall, 2 c[k][k] / (Σ_p c[k][p] + Σ_t c[t][k]); nil where the class is neither
    /// there nor predicted.
    public func f1(of label: Int) -> Double? {
        Self.ratio(2 * counts[label][label], support(of: label) + counts.reduce(0) { $0 + $1[label] })
    }

    private static func ratio(_ part: Int, _ whole: Int) -> Double? {
        whole == 0 ? nil : Double(part) / Double(whole)
    }
}
