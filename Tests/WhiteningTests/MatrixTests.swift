import Collectives
import CollectivesTesting
import Datasets
import FileTestSupport
import Tensors
import Testing
import Whitening

/// The numbers from which a whitening is made.
@Suite struct MatrixTests {
    @Test(
        "The moments of images are the sums of whole numbers that they are defined as, on any ranks and threads",
        arguments: [(1, 1), (1, 3), (3, 1), (2, 2)])
    func moments(ranks: Int, threads: Int) throws {
        let format = CorrelatedImages.wide
        let (d, count) = (format.imageBytes, 1100)
        let images = try CorrelatedImages(location: "", format: format, trainingCount: count)
            .read(.training, records: Array(0..<count)).pixels
        let found = try ThreadCommunicator.run(size: ranks) { communicator in
            let own = Range(part: communicator.rank, of: ranks, dividing: count)
            let workers = Workers(communicator, WorkerTeam(upTo: threads))
            // The first image of all does not count.
            let moments = try PixelMoments(
                images, at: own.filter { $0 > 0 }, imageBytes: d, withProducts: true, workers)
            let whole = try SquareMatrix(order: d)
            moments.products?.expand(into: whole, WorkerTeam(upTo: 1))
            return (moments.count, moments.sums, whole.matrix.vector.array)
        }
        for (number, sums, products) in found {
            #expect(number == count - 1)
            for (p, q) in [(0, 0), (0, d - 1), (191, 192), (7, 300), (d - 1, d - 1), (250, 3)] {
                var (sum, product) = (0, 0)
                for image in 1..<count {
                    let (x, y) = (Int(images[image * d + p]) - 128, Int(images[image * d + q]) - 128)
                    sum += x
                    product += x * y
                }
                #expect(sums[p] == Double(sum))
                #expect(products[p * d + q] == Double(product), "\(p), \(q)")
            }
            #expect(products == found[0].2)
        }
    }

    @Test("An inverse square root is that of the matrix's eigenvalues, for conditions from 1 to 10⁵")
    func inverseSquareRoot() throws {
        let n = 200
        var generator = SeededGenerator(state: 3)
        // A reflection is its own inverse, so the matrix and its root are known from their eigenvalues.
        var axis = (0..<n).map { _ in Double.random(in: -1...1, using: &generator) }
        let length = axis.reduce(0) { $0 + $1 * $1 }.squareRoot()
        for index in 0..<n { axis[index] /= length }
        for condition in [1.0, 1e4, 1e5] {
            let eigenvalues = (0..<n).map { Double(n - 1 - $0) / Double(n - 1) * (condition - 1) + 1 }
            func matrix(_ function: (Double) -> Double) -> [Double] {
                var result = [Double](repeating: 0, count: n * n)
                let values = eigenvalues.map(function)
                for row in 0..<n {
                    for column in 0..<n {
                        var sum = row == column ? values[row] : 0
                        sum -= 2 * axis[row] * axis[column] * (values[row] + values[column])
                        result[row * n + column] = sum
                    }
                }
                let middle = (0..<n).reduce(0.0) { $0 + axis[$1] * axis[$1] * values[$1] }
                for row in 0..<n {
                    for column in 0..<n { result[row * n + column] += 4 * middle * axis[row] * axis[column] }
                }
                return result
            }
            let workers = Workers(SingleProcessCommunicator(), WorkerTeam(upTo: 2))
            let (a, identity) = (try SquareMatrix(order: n), try SquareMatrix(order: n))
            for (index, value) in matrix({ $0 }).enumerated() { a.matrix.vector[index] = value }
            for index in 0..<n { identity.matrix[index, index] = 1 }
            let strips = try SymmetricStrips(order: n)
            try strips.setProduct(a.matrix, identity.matrix, workers)
            let roots = try InverseSquareRoot(of: strips, smallest: 1, workers)
            #expect(roots.iterations < 25)
            let (inverse, root) = (matrix { 1 / $0.squareRoot() }, matrix { $0.squareRoot() })
            for index in 0..<n * n {
                #expect(abs(roots.inverse.matrix.vector[index] - inverse[index]) < 1e-15 * condition + 1e-12)
                #expect(
                    abs(roots.root.matrix.vector[index] - root[index])
                        < 1e-11 * condition.squareRoot() + 1e-12)
            }
            #expect(try roots.residual(of: strips, workers) < 1e-14 * condition + 1e-12)
        }
    }

    @Test("A matrix without an inverse square root is refused, not returned")
    func noRoot() throws {
        let workers = Workers(SingleProcessCommunicator(), WorkerTeam(upTo: 1))
        let (a, identity) = (try SquareMatrix(order: 2), try SquareMatrix(order: 2))
        (a.matrix[0, 0], a.matrix[1, 1]) = (1, -1)
        (identity.matrix[0, 0], identity.matrix[1, 1]) = (1, 1)
        let strips = try SymmetricStrips(order: 2)
        try strips.setProduct(a.matrix, identity.matrix, workers)
        let error = #expect(throws: WhiteningFailure.self) {
            try InverseSquareRoot(of: strips, smallest: 0.1, workers)
        }
        #expect(error?.description.contains("--whiten-epsilon") == true)
    }
}
