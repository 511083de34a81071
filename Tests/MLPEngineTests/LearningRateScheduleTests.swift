import Foundation
import MLPEngine
import Testing

@Suite struct LearningRateScheduleTests {
    private func rates(_ schedule: LearningRateSchedule, stepsPerEpoch: Int = 10) -> [Double] {
        (0...schedule.epochs * stepsPerEpoch).map { schedule.rate(atStep: $0, stepsPerEpoch: stepsPerEpoch) }
    }

    @Test("A constant rate is the base rate at every step")
    func constant() {
        #expect(rates(LearningRateSchedule(baseRate: 0.1, epochs: 3)).allSatisfy { $0 == 0.1 })
    }

    @Test("A step schedule multiplies by the factor once per interval of epochs completed")
    func step() {
        let rates = rates(
            LearningRateSchedule(baseRate: 0.8, shape: .step(epochs: 2, factor: 0.5), epochs: 6))
        #expect(rates[..<20].allSatisfy { $0 == 0.8 })
        #expect(rates[20..<40].allSatisfy { $0 == 0.4 })
        #expect(rates[40..<60].allSatisfy { $0 == 0.2 })
    }

    @Test("A cosine runs from the base rate over its half to 0")
    func cosine() {
        let rates = rates(LearningRateSchedule(baseRate: 0.2, shape: .cosine, epochs: 4))
        #expect(rates[0] == 0.2)
        #expect(abs(rates[20] - 0.1) < 1e-15)
        #expect(abs(rates[10] - 0.1 * (1 + 0.5.squareRoot())) < 1e-15)
        #expect(abs(rates[40]) < 1e-15)
        #expect(zip(rates, rates.dropFirst()).allSatisfy { $0 > $1 })
    }

    @Test("A warm-up rises linearly, from 1/n of the base rate at its first step to all of it at its last")
    func warmup() {
        for shape in [LearningRateSchedule.Shape.constant, .cosine, .step(epochs: 5, factor: 0.1)] {
            let schedule = LearningRateSchedule(baseRate: 0.4, shape: shape, warmupEpochs: 2, epochs: 5)
            let rates = rates(schedule)
            for step in 0..<20 { #expect(abs(rates[step] - 0.4 * Double(step + 1) / 20) < 1e-15) }
            #expect(rates[20] == 0.4)
        }
        let cosine = rates(LearningRateSchedule(baseRate: 0.4, shape: .cosine, warmupEpochs: 2, epochs: 5))
        #expect(abs(cosine[35] - 0.2) < 1e-15)
        #expect(abs(cosine[50]) < 1e-15)
    }

    @Test("A warm-up may last a part of an epoch, and longer than the training")
    func oddWarmups() {
        let part = LearningRateSchedule(baseRate: 1, warmupEpochs: 0.5, epochs: 1)
        #expect(rates(part)[..<6] == [0.2, 0.4, 0.6, 0.8, 1, 1])
        let long = LearningRateSchedule(baseRate: 1, shape: .cosine, warmupEpochs: 4, epochs: 2)
        #expect(rates(long).enumerated().allSatisfy { $1 == Double($0 + 1) / 40 })
        let whole = LearningRateSchedule(baseRate: 1, shape: .cosine, warmupEpochs: 2, epochs: 2)
        #expect(rates(whole).allSatisfy { $0.isFinite && $0 > 0 && $0 <= 1 })
    }

    @Test("A schedule survives being stored as JSON")
    func codable() throws {
        for shape in [LearningRateSchedule.Shape.constant, .cosine, .step(epochs: 3, factor: 0.3)] {
            let schedule = LearningRateSchedule(baseRate: 0.1, shape: shape, warmupEpochs: 1.5, epochs: 9)
            let stored = try JSONEncoder().encode(schedule)
            #expect(try JSONDecoder().decode(LearningRateSchedule.self, from: stored) == schedule)
        }
    }
}
