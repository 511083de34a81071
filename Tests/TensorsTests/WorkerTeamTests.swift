import CBenchmark
import Foundation
import Synchronization
import Tensors
import Testing

@Suite struct WorkerTeamTests {
    @Test("Every task of every region is done once before the region ends", arguments: [1, 2, 3, 5])
    func everyTask(threads: Int) throws {
        let team = try WorkerTeam(threadCount: threads)
        for count in [0, 1, 2, 3, 7, 64] {
            for _ in 0..<200 {
                let calls = (0..<64).map { _ in Counter() }
                team.run(count) { calls[$0].value.add(1, ordering: .relaxed) }
                let expected = (0..<64).map { $0 < count ? 1 : 0 }
                #expect(calls.map { $0.value.load(ordering: .relaxed) } == expected)
            }
        }
    }

    @Test("What tasks write is there when the region has ended, after any pause between regions")
    func visibility() throws {
        let team = try WorkerTeam(threadCount: 3)
        let values = AlignedBuffer<Int32>(repeating: 0, count: 3000)
        let vector = values.vector
        for round in 1...50 {
            team.run(30) { task in
                for index in task * 100..<(task + 1) * 100 { vector[index] = Int32(round) }
            }
            #expect(vector.buffer.allSatisfy { $0 == Int32(round) })
            // Long enough for the workers to fall asleep.
            if round % 10 == 0 { pause() }
        }
    }

    @Test("A team of as many as can be had does every task", arguments: [1, 4])
    func upTo(threads: Int) {
        let team = WorkerTeam(upTo: threads)
        #expect((1...threads).contains(team.threadCount))
        let sum = Counter()
        team.run(10) { sum.value.add($0, ordering: .relaxed) }
        #expect(sum.value.load(ordering: .relaxed) == 45)
    }

    @Test("Teams come and go")
    func lifetime() throws {
        for _ in 0..<50 {
            let team = try WorkerTeam(threadCount: 4)
            let sum = Counter()
            team.run(10) { sum.value.add($0, ordering: .relaxed) }
            #expect(sum.value.load(ordering: .relaxed) == 45)
        }
    }

    @Test("Every part of a task that is a value is done once, and nothing is allocated for it")
    func values() async {
        await #expect(processExitsWith: .success) {
            let team = try WorkerTeam(threadCount: 2)
            let sums = AlignedBuffer<Double>(repeating: 0, count: 8)
            let task = AddingTask(sums: sums.vector, summand: 1)
            for _ in 0..<10 { task.run(on: team) }
            guard dp_allocations_begin() > 0 else { exit(0) }
            for _ in 0..<1000 { task.run(on: team) }
            // The process may do something else besides, but not a thousand times.
            guard dp_allocations_end() < 100, sums.vector.array.allSatisfy({ $0 == 1010 }) else { exit(1) }
        }
    }

    private func pause() {
        let start = ContinuousClock.now
        while ContinuousClock.now - start < .milliseconds(20) {}
    }
}

private final class Counter: Sendable {
    let value = Atomic(0)
}

private struct AddingTask<Scalar: TensorScalar>: ParallelTask {
    let sums: Vector<Scalar>
    let summand: Scalar

    func callAsFunction(_ index: Int) { sums[index] += summand }

    func run(on team: WorkerTeam) { team.run(sums.count, self) }
}
