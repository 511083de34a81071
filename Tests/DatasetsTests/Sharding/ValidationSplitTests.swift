import Datasets
import Testing

@Suite struct ValidationSplitTests {
    @Test(
        "Every record is either trained on or validated on, both in ascending order",
        arguments: [(50_000, 5_000), (100, 10), (100, 0), (100, 100), (1, 1), (1, 0), (0, 0)])
    func partition(count: Int, validationSize: Int) {
        let split = ValidationSplit(count: count, validationSize: validationSize, seed: 42)
        #expect(split.validation.count == validationSize)
        #expect(split.training == split.training.sorted() && split.validation == split.validation.sorted())
        #expect((split.training + split.validation).sorted() == Array(0..<count))
    }

    @Test("The choice follows from the seed")
    func seed() {
        let split = ValidationSplit(count: 1000, validationSize: 100, seed: 1)
        #expect(ValidationSplit(count: 1000, validationSize: 100, seed: 1) == split)
        #expect(ValidationSplit(count: 1000, validationSize: 100, seed: 2).validation != split.validation)
        #expect(ValidationSplit(count: 1000, validationSize: 100, seed: 1 << 32 | 1) != split)
    }

    @Test("The choice is the same everywhere and for ever")
    func golden() {
        // From the definition: Philox4x32-10, Lemire's bounded integers, Fisher-Yates from the end, in Python.
        let split = ValidationSplit(count: 50_000, validationSize: 5_000, seed: 42)
        #expect(Array(split.validation.prefix(8)) == [18, 28, 75, 94, 107, 110, 112, 113])
    }

    @Test("Every record is as likely as any other")
    func uniform() {
        var chosen = [Int](repeating: 0, count: 20)
        for seed in 0..<400 {
            for record in ValidationSplit(count: 20, validationSize: 5, seed: UInt64(seed)).validation {
                chosen[record] += 1
            }
        }
        // Binomial, 400 draws at 1/4: 100 on average, standard deviation 8.7; five of them.
        #expect(chosen.allSatisfy { abs($0 - 100) < 44 }, "\(chosen)")
    }
}
