internal import Collectives
package import DataParallel
internal import MLPEngine
internal import Training

/// How long a run takes, from steps that were taken on this machine, and what that rests on.
///
/// One process takes whole steps of the network, with as many threads as a host's ranks have together, and for several hosts also
/// steps of a host's part of the batch. `StepForecast` says what that comes to on all of them.
package struct TimeEstimate: Encodable, Sendable {
    /// The parts of a step.
    package let step: StepForecast
    /// Those together.
    package let secondsPerStep: Double
    /// The seconds of an evaluation of the validation images.
    package let secondsPerEvaluation: Double
    /// Those of the whole run, with its evaluations and the test; without reading, whitening and writing.
    package let seconds: Double
    /// What was tried: steps of the whole batch on one host, and the seconds of each for what hosts divide among them and for
    /// the update.
    package let measuredSteps: Int
    package let measuredPassSeconds: Double
    package let measuredUpdateSeconds: Double
    /// The threads that took them.
    package let threads: Int
    /// The network between hosts, as assumed.
    package let link: HostLink
    /// The way between hosts that takes least of those that the strategy may come to.
    let exchange: HostExchange

    private enum CodingKeys: String, CodingKey {
        case step, secondsPerStep, secondsPerEvaluation, seconds, measuredSteps, measuredPassSeconds
        case measuredUpdateSeconds, threads, link
    }

    /// Takes steps for about half a second, at least three of each kind.
    ///
    /// - Parameters:
    ///   - plan: What is estimated.
    ///   - link: The network between hosts.
    /// - Throws: `ConfigurationError` where this machine has not the memory, or what a step throws.
    package init(of plan: RunPlan, over link: HostLink) throws {
        let shape = plan.shape
        let groups = shape.division.rowsOfNodes.count
        let trials = try StepTrials(
            shape.configuration, threads: shape.threadsOfHost, hosts: groups, seconds: 0.5)
        let mlp = MLP(shape.configuration.model)
        let (way, step) = shape.forecast(mlp, trials.speed, over: link)
        (exchange, self.step, self.link) = (way, step, link)
        threads = shape.threadsOfHost
        measuredSteps = trials.whole.steps
        measuredPassSeconds = trials.whole.work.forward + trials.whole.work.backward
        measuredUpdateSeconds = trials.whole.work.update
        secondsPerStep = step.seconds
        let forwardPerImage = trials.whole.forwardPass / Double(shape.configuration.batchSize)
        secondsPerEvaluation = forwardPerImage * Double(plan.validationRecords)
        let tests =
            shape.options.isTested
            ? forwardPerImage * Double(plan.testRecords) * Double(1 + (shape.options.testViews?.count ?? 0))
            : 0
        seconds =
            Double(plan.steps) * secondsPerStep + Double(plan.epochs) * secondsPerEvaluation + tests
    }
}

extension RunPlan.Shape {
    /// The threads of a host's ranks, as far as this machine has them.
    var threadsOfHost: Int {
        max(1, min((placement.localSizes.max() ?? 1) * threads, ProcessorAffinity.processorsOfNode))
    }

    /// The way between hosts that takes least of those that the strategy may come to, and how long.
    func forecast(
        _ mlp: MLP, _ speed: HostSpeed, over link: HostLink
    ) -> (way: HostExchange, step: StepForecast) {
        // Where ranks share no memory each is by itself, with its part of the host's processors.
        let slowdown = options.transport == .mpi ? Double(placement.localSizes.max() ?? 1) : 1
        let forecasts = ways.map { way in
            (way, way.forecast(traffic(way, mlp), division, speed, over: link, slowdown: slowdown))
        }
        // Where there is nothing to exchange, nothing is gained by it.
        let best = forecasts.reversed().min { $0.1.seconds < $1.1.seconds }
        guard let best else { preconditionFailure("a strategy without a way between hosts") }
        return best
    }
}
