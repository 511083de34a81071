internal import Tensors

/// Functions of two variables with a saddle at the origin, for pictures of what gradient descent does there.
public enum PlanarSaddle: String, Codable, Sendable, CaseIterable {
    /// f = x² − y²: without a minimum.
    case quadratic
    /// f = ½x² + ¼y⁴ − ½y²: with minima at (0, ±1), where f = −¼.
    case withMinima

    /// A point of the plane.
    public struct Point: Codable, Sendable, Hashable {
        /// Across the saddle, where it bends upwards.
        public var x: Double
        /// Along it, where it bends downwards.
        public var y: Double

        /// A point.
        public init(x: Double, y: Double) { (self.x, self.y) = (x, y) }

        /// Its distance from the saddle.
        public var distance: Double { (x * x + y * y).squareRoot() }
    }

    /// How gradient descent goes.
    public struct Descent: Codable, Sendable, Hashable {
        /// The learning rate η.
        public var rate: Double
        /// The momentum m of v ← m v + ∇f, w ← w − η v; 0 is plain gradient descent.
        public var momentum: Double
        /// The standard deviation of the normal noise that is added to each coordinate of the gradient.
        public var noise: Double
        /// What the noise follows from.
        public var seed: UInt64

        /// A descent; by default plain.
        public init(rate: Double, momentum: Double = 0, noise: Double = 0, seed: UInt64 = 42) {
            (self.rate, self.momentum, self.noise, self.seed) = (rate, momentum, noise, seed)
        }
    }

    /// f.
    public func value(_ point: Point) -> Double {
        let (x2, y2) = (point.x * point.x, point.y * point.y)
        return switch self {
        case .quadratic: x2 - y2
        case .withMinima: x2 / 2 + y2 * y2 / 4 - y2 / 2
        }
    }

    /// ∇f.
    public func gradient(_ point: Point) -> Point {
        switch self {
        case .quadratic: Point(x: 2 * point.x, y: -2 * point.y)
        case .withMinima: Point(x: point.x, y: point.y * point.y * point.y - point.y)
        }
    }

    /// The points that gradient descent comes to: `start`, and one for each step. It ends early where it is farther than
    /// `radius` from the saddle.
    ///
    /// Near the saddle of x² − y² plain descent is x_t = (1 − 2η)ᵗ x₀, y_t = (1 + 2η)ᵗ y₀: from y₀ = 0 it never leaves.
    public func path(
        from start: Point, _ descent: Descent, steps: Int, radius: Double = .infinity
    ) -> [Point] {
        var (point, velocity) = (start, Point(x: 0, y: 0))
        var points = [start]
        var random = RandomStream(seed: descent.seed, purpose: .curvature)
        while points.count <= steps, point.distance <= radius {
            advance(&point, &velocity, descent, &random)
            points.append(point)
        }
        return points
    }

    /// The number of steps after which gradient descent from (1, `offset`) has |y| above `radius`; nil where it has not in
    /// `limit` steps.
    ///
    /// Of x² − y² plain descent takes ⌈ln(radius/offset) / ln(1 + 2η)⌉ of them: an offset ten times smaller costs a constant
    /// number of steps more.
    public func stepsToLeave(
        offset: Double, _ descent: Descent, radius: Double = 0.5, limit: Int = 100_000
    ) -> Int? {
        var count = 0
        var (point, velocity) = (Point(x: 1, y: offset), Point(x: 0, y: 0))
        var random = RandomStream(seed: descent.seed, purpose: .curvature)
        while abs(point.y) <= radius {
            guard count < limit else { return nil }
            advance(&point, &velocity, descent, &random)
            count += 1
        }
        return count
    }

    private func advance(
        _ point: inout Point, _ velocity: inout Point, _ descent: Descent, _ random: inout RandomStream
    ) {
        var slope = gradient(point)
        if descent.noise > 0 {
            let (first, second) = random.normalPair()
            slope.x += descent.noise * first
            slope.y += descent.noise * second
        }
        velocity.x = descent.momentum * velocity.x + slope.x
        velocity.y = descent.momentum * velocity.y + slope.y
        point.x -= descent.rate * velocity.x
        point.y -= descent.rate * velocity.y
    }
}
