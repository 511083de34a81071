import Supervision
import Testing

@Suite struct RestartPolicyTests {
    private var policy = RestartPolicy(maxRestarts: 10)

    @Test mutating func `What has come to its end, or was stopped, is not started again`() {
        #expect(policy.decide(0, newestStep: 9, isAsked: false) == .end(0))
        #expect(policy.decide(75, newestStep: 9, isAsked: false) == .end(75))
        #expect(policy.decide(75, newestStep: 9, isAsked: true) == .end(75))
        #expect(policy.decide(137, newestStep: 9, isAsked: true) == .end(75))
        #expect(policy.decide(138, newestStep: nil, isAsked: true) == .end(138))
    }

    @Test(arguments: [64, 74] as [Int32])
    mutating func `What another try cannot mend is not tried again`(code: Int32) {
        guard case .giveUp(code, _) = policy.decide(code, newestStep: 9, isAsked: false) else {
            Issue.record("tried again")
            return
        }
    }

    @Test mutating func `A run that comes further each time is started again as often as it may be`() {
        for step in 1...10 {
            #expect(policy.decide(1, newestStep: step, isAsked: false) == .restart(pause: 1))
        }
        guard case .giveUp(1, let reason) = policy.decide(1, newestStep: 11, isAsked: false) else {
            Issue.record("started again")
            return
        }
        #expect(reason.contains("10 times (--max-restarts)") && policy.restarts == 10)
    }

    @Test(arguments: [nil, 7])
    mutating func `Pauses grow where a run comes no further, and at last it is given up`(step: Int?) {
        var pauses: [Double] = []
        var reason: String?
        while reason == nil {
            switch policy.decide(139, newestStep: step, isAsked: false) {
            case .restart(let pause): pauses.append(pause)
            case .giveUp(let code, let why): (reason, _) = (why, #expect(code == 139))
            case .end: Issue.record("ended")
            }
        }
        #expect(pauses == (step == nil ? [2, 4, 8] : [1, 2, 4, 8]))
        #expect(
            reason?.contains(step == nil ? "before the first checkpoint" : "the checkpoint of step 7") == true
        )
    }

    @Test mutating func `Coming further makes pauses short again`() {
        _ = policy.decide(69, newestStep: 3, isAsked: false)
        #expect(policy.decide(69, newestStep: 3, isAsked: false) == .restart(pause: 2))
        #expect(policy.decide(69, newestStep: 4, isAsked: false) == .restart(pause: 1))
    }
}
