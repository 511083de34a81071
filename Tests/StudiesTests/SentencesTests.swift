import Reports
import Studies
import Testing

/// What results say in words.
@Suite struct SentencesTests {
    private func sentence(
        _ a: [Double], _ b: [Double], expecting expectation: Studies.Expectation = .none
    ) -> String {
        HandMade.pair(a, b).compare(
            .testAccuracy, "a", with: "b", subject: "A", expecting: expectation)
    }

    @Test func `A difference of one sign is told with its deviation, and that it was expected`() {
        #expect(
            sentence([0.5, 0.52, 0.54], [0.49, 0.5, 0.51], expecting: .higher)
                == "A: test accuracy 52.00 ± 2.00 % against 50.00 ± 1.00 %, 2.00 ± 1.00 percentage points higher,"
                + " for each of the 3 seeds, as expected.")
    }

    @Test func `A difference against the expectation says so, in both directions`() {
        #expect(
            sentence([0.5, 0.5], [0.6, 0.7], expecting: .higher).hasSuffix(
                "15.00 ± 7.07 percentage points lower, for each of the 2 seeds, against what was expected."))
        #expect(
            sentence([0.6, 0.7], [0.5, 0.5], expecting: .lower).hasSuffix(
                "15.00 ± 7.07 percentage points higher, for each of the 2 seeds, against what was expected."))
        #expect(sentence([0.5], [0.6], expecting: .lower).hasSuffix("lower, for the one seed, as expected."))
    }

    @Test func `Without an expectation there is no judgement`() {
        #expect(sentence([0.6, 0.7], [0.5, 0.5]).hasSuffix("higher, for each of the 2 seeds."))
    }

    @Test func `Seeds that do not agree on the sign show no difference`() {
        #expect(
            sentence([0.5, 0.52, 0.5], [0.49, 0.5, 0.51], expecting: .higher).hasSuffix(
                "0.67 ± 1.53 percentage points higher in the mean, but the sign is not the same for all seeds"
                    + " (higher for 2, equal for 0, lower for 1): no difference is shown."))
        #expect(sentence([0.5, 0.5], [0.5, 0.5]).hasSuffix("exactly the same for each of the 2 seeds."))
    }

    @Test func `Seeds without a result of both are left out, and that is told`() {
        #expect(
            sentence([0.5], [0.4, 0.4]).hasSuffix(
                "10.00 percentage points higher, for the one seed (1 of 2 seeds left out, for which one of the two has"
                    + " no result)."))
    }

    @Test func `A run that diverged cannot be compared, and the sentence says why`() {
        let results = StudyResults(
            runs: [StudyRun("a", [:]), StudyRun("b", [:])], seeds: [7],
            results: [
                HandMade.result("a", seed: 7, test: 0.5),
                HandMade.result("b", seed: 7, test: 0, end: .diverged(epoch: 3, message: "NaN")),
            ])
        #expect(
            results.compare(.testAccuracy, "a", with: "b", subject: "A")
                == "A: test accuracy cannot be compared, as b has no result (diverged in epoch 3).")
        #expect(results.divergences == ["b diverged in epoch 3 with seed 7."])
    }

    @Test(arguments: [(0.46, "below"), (0.475, "within"), (0.49, "above")])
    func `A mean is placed in a range`(value: Double, word: String) {
        #expect(
            HandMade.pair([value], []).place(.testAccuracy, "a", subject: "A", in: 0.47...0.48)
                .hasSuffix("\(word) the 47 to 48 % expected."))
    }

    @Test func `Equal digests are equal bits, different ones name the seed`() {
        func results(_ digests: [String]) -> StudyResults {
            StudyResults(
                runs: digests.indices.map { StudyRun("ranks-\($0)", [:]) }, seeds: [42],
                results: digests.enumerated().map {
                    HandMade.result("ranks-\($0.offset)", seed: 42, test: 0.5, digest: $0.element)
                })
        }
        let labels = ["ranks-0", "ranks-1"]
        #expect(results(["x", "x"]).sameBits(labels).contains("the same SHA-256"))
        #expect(results(["x", "y"]).sameBits(labels).contains("different SHA-256 with seed 42"))
        #expect(results(["x"]).sameBits(labels).contains("cannot be told"))
    }

    @Test func `The deviation is that of a sample, and one number has none`() throws {
        let spread = try #require(Spread([1, 2, 3, 4]))
        #expect(spread.mean == 2.5)
        #expect(abs((spread.deviation ?? 0) - (5.0 / 3).squareRoot()) < 1e-15)
        #expect(Spread([3]) == Spread([3]) && Spread([3])?.deviation == nil)
        #expect(Spread([]) == nil)
    }
}
