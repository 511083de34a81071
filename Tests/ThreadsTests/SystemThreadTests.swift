import Foundation
import Synchronization
import Testing
import Threads

@Suite struct SystemThreadTests {
    @Test("A thread runs its body once")
    func body() {
        let done = DispatchSemaphore(value: 0)
        let calls = Counter()
        for index in 0..<20 {
            #expect(throws: Never.self) {
                try SystemThread.start("a name of more than fifteen bytes \(index)") {
                    calls.value.add(1, ordering: .relaxed)
                    done.signal()
                }
            }
        }
        for _ in 0..<20 { done.wait() }
        #expect(calls.value.load(ordering: .relaxed) == 20)
    }

    @Test("A thread that cannot be started is an error, and its body is let go of")
    func refusal() {
        final class Witness: Sendable {}
        weak var witness: Witness?
        do {
            let strong = Witness()
            witness = strong
            #expect(throws: ThreadError.self) {
                // No system has room for such a stack.
                try SystemThread.start("too large", stackByteCount: 1 << 50) { _ = strong }
            }
        }
        #expect(witness == nil)
    }

    @Test("The message names the thread, the numbers and the reason")
    func message() {
        let error = ThreadError(name: "worker", reason: "Out of them", wanted: 63, started: 7)
        #expect(
            "\(error)"
                == "starting thread \"worker\": expected 63 more threads, found room for 7: Out of them")
    }

    @Test("A serial thread does everything in order; whoever waits finds all done")
    func serial() throws {
        let box = Box()
        let thread = try SerialThread("serial")
        for round in 0..<50 {
            for index in 0..<20 {
                thread.async { box.value.withLock { $0.append(round * 20 + index) } }
            }
            let count = thread.sync { box.value.withLock { $0.count } }
            #expect(count == (round + 1) * 20)
        }
        #expect(box.value.withLock { $0 } == Array(0..<1000))
    }

    @Test("What was handed over is done although the owner has gone")
    func owner() throws {
        let done = DispatchSemaphore(value: 0)
        do {
            let thread = try SerialThread("serial")
            for _ in 0..<10 { thread.async { done.signal() } }
        }
        for _ in 0..<10 { done.wait() }
    }
}

private final class Counter: Sendable {
    let value = Atomic(0)
}

private final class Box: Sendable {
    let value = Mutex<[Int]>([])
}
