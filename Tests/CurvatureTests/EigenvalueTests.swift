import Curvature
import Tensors
import Testing

/// Eigenvalues of matrices whose spectrum is known, by QL iterations, by Lanczos and by stochastic quadrature.
@Suite struct EigenvalueTests {
    /// R D Rᵀ for a product R of reflections: a dense symmetric matrix with these eigenvalues.
    static func matrix(_ spectrum: [Double], seed: UInt64 = 1) -> [Double] {
        let n = spectrum.count
        var matrix = [Double](repeating: 0, count: n * n)
        for (index, value) in spectrum.enumerated() { matrix[index * n + index] = value }
        var random = RandomStream(seed: seed, purpose: .testing)
        for _ in 0..<3 {
            let u = (0..<n).map { _ in random.normalPair().0 }
            let square = u.reduce(0) { $0 + $1 * $1 }
            let p = (0..<n).map { row in
                2 * (0..<n).reduce(0) { $0 + matrix[row * n + $1] * u[$1] } / square
            }
            let share = (0..<n).reduce(0) { $0 + u[$1] * p[$1] } / square
            let q = (0..<n).map { p[$0] - share * u[$0] }
            for row in 0..<n {
                for column in 0..<n { matrix[row * n + column] -= u[row] * q[column] + q[row] * u[column] }
            }
        }
        return matrix
    }

    static func product(_ matrix: [Double], _ v: [Double]) -> [Double] {
        v.indices.map { row in v.indices.reduce(0) { $0 + matrix[row * v.count + $1] * v[$1] } }
    }

    private func largestDifference(_ a: [Double], _ b: [Double]) -> Double {
        #expect(a.count == b.count)
        return zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) }
    }

    @Test("A chain of springs has the eigenvalues 2 − 2 cos(kπ/(n + 1))", arguments: [1, 2, 3, 10, 50])
    func chain(n: Int) throws {
        var rows: [[Double]] = []
        let found = try TridiagonalMatrix(
            diagonal: Array(repeating: 2, count: n), offDiagonal: Array(repeating: -1, count: n - 1)
        ).eigenvalues(transforming: &rows)
        let expected = (1...n).map {
            2 - 2 * PortableMath.cosineAndSine(turns: Double($0) / Double(2 * n + 2)).cosine
        }
        #expect(largestDifference(found, expected) < 1e-13)
    }

    @Test("Rows are turned into components of the eigenvectors")
    func components() throws {
        // [[1, 2], [2, 1]]: −1 with (1, −1)/√2, 3 with (1, 1)/√2.
        var rows = [[1.0, 0], [0, 1]]
        let values = try TridiagonalMatrix(diagonal: [1, 1], offDiagonal: [2])
            .eigenvalues(transforming: &rows)
        #expect(largestDifference(values, [-1, 3]) < 1e-15)
        let half = 0.5.squareRoot()
        #expect(rows.joined().allSatisfy { abs(abs($0) - half) < 1e-15 })
        #expect(rows[0][0] * rows[1][0] < 0 && rows[0][1] * rows[1][1] > 0)
    }

    @Test(
        "Dense matrices, with eigenvalues that are spread, equal, of both signs, or 0",
        arguments: [
            [3], [2, 2], [0, 0, 0], [-5, -1, 0, 0, 2, 1000], [1e-8, 1, 1, 1, 1, 1e4],
            (0..<40).map { Double($0 * $0) - 300 },
        ] as [[Double]])
    func dense(spectrum: [Double]) throws {
        let found = try SymmetricMatrix.eigenvalues(Self.matrix(spectrum), rows: spectrum.count)
        let scale = spectrum.reduce(0) { max($0, abs($1)) }
        #expect(largestDifference(found, spectrum.sorted()) <= 1e-13 * scale)
    }

    @Test("A matrix that is diagonal already keeps its eigenvalues to the last bit")
    func diagonal() throws {
        #expect(
            try SymmetricMatrix.eigenvalues([3, 0, 0, 0, -1, 0, 0, 0, 2], rows: 3) == [-1, 2, 3])
    }

    @Test("Infinities and NaN are an error", arguments: [Double.nan, .infinity])
    func notFinite(value: Double) {
        #expect(throws: EigenvalueError.self) {
            try SymmetricMatrix.eigenvalues([1, value, value, 1], rows: 2)
        }
        #expect(throws: EigenvalueError.self) {
            try Lanczos(start: [1, 1], steps: 2) { _ in [value, 1] }
        }
    }

    @Test("As many steps of Lanczos as rows find the whole spectrum")
    func wholeSpectrum() throws {
        let spectrum = [-7, -2, -1, 0, 0.5, 3, 4, 9, 20, 21]
        let matrix = Self.matrix(spectrum)
        let lanczos = try Lanczos(
            start: Lanczos.randomVector(count: 10, seed: 3, probe: 0), steps: 100
        ) { Self.product(matrix, $0) }
        #expect(lanczos.steps == 10)
        #expect(largestDifference(lanczos.ritzValues.map(\.value), spectrum) < 1e-11)
        #expect(abs(lanczos.ritzValues.reduce(0) { $0 + $1.weight } - 1) < 1e-13)
    }

    @Test("Lanczos ends where the start vector spans an invariant subspace")
    func invariantSubspace() throws {
        let values = [1.0, 2, 3, 4, 5]
        let lanczos = try Lanczos(start: [0, 1, 0, 2, 0], steps: 5) { v in zip(values, v).map { $0 * $1 } }
        #expect(lanczos.steps == 2)
        #expect(largestDifference(lanczos.ritzValues.map(\.value), [2, 4]) < 1e-14)
        #expect(largestDifference(lanczos.ritzValues.map(\.weight), [0.2, 0.8]) < 1e-14)
    }

    @Test("Few steps find the extremes of a large matrix, and an eigenvalue lies within each bound")
    func extremes() throws {
        let values = [-3, 40, 55] + (0..<497).map { Double($0) / 497 }
        let lanczos = try Lanczos(
            start: Lanczos.randomVector(count: values.count, seed: 5, probe: 0), steps: 25
        ) { v in zip(values, v).map { $0 * $1 } }
        for ritz in lanczos.ritzValues {
            let nearest = values.map { abs($0 - ritz.value) }.min() ?? .infinity
            #expect(nearest <= ritz.bound + 1e-12)
        }
        let (first, last) = (lanczos.ritzValues[0], lanczos.ritzValues[lanczos.steps - 1])
        #expect(abs(first.value + 3) < 1e-10 && first.bound < 1e-4)
        #expect(abs(last.value - 55) < 1e-10 && last.bound < 1e-4)
    }

    @Test("Stochastic quadrature finds share, mean and density of eigenvalues within its standard errors")
    func quadrature() throws {
        // 30 % negative, with a gap around 0.
        let values: [Double] = (0..<300).map { (index: Int) -> Double in
            index < 90 ? -2 + Double(index) / 90 : 1 + Double(index - 90) / 70
        }
        let spectrum = try Spectrum(dimension: 300, steps: 30, probes: 12, seed: 7) { v in
            zip(values, v).map { $0 * $1 }
        }
        let share = spectrum.share(below: -0.1)
        let error = try #require(share.standardError)
        #expect(error > 0.001 && error < 0.03)
        #expect(abs(share.mean - 0.3) < 4 * error)
        let mean = spectrum.mean
        let exact = values.reduce(0, +) / 300
        let meanError = try #require(mean.standardError)
        #expect(abs(mean.mean - exact) < 4 * meanError)
        #expect(abs(spectrum.smallest.value + 2) < 0.01 && abs(spectrum.largest.value - 3.986) < 0.01)

        let density = spectrum.density(points: 500)
        let spacing = density.grid[1] - density.grid[0]
        let integral = density.values.reduce(0, +) * spacing
        #expect(abs(integral - 1) < 1e-3)
        var below = 0.0
        for (place, value) in zip(density.grid, density.values) where place < 0 { below += value * spacing }
        #expect(abs(below - share.mean) < 1e-2)
    }

    @Test("One probe has no standard error; of a multiple of the identity every probe finds the same")
    func probes() throws {
        #expect(try Spectrum(dimension: 9, steps: 3, probes: 1, seed: 1) { $0 }.mean.standardError == nil)
        let three = try Spectrum(dimension: 9, steps: 3, probes: 3, seed: 1) { $0.map { 3 * $0 } }
        #expect(abs(three.mean.mean - 3) < 1e-14 && (three.mean.standardError ?? 1) < 1e-14)
        #expect(three.share(below: 0).mean == 0)
    }
}
