internal import Foundation
package import MLPEngine

/// How long a training step takes on several hosts: a model, from what one host takes for its part and what travels.
///
/// A host's ranks compute the passes over its own rows, then the update. With ``FactorExchange`` the update is made of the rows of all
/// hosts; pixels travel while the step before computes, the rest between the passes and the update. With ``GradientAllreduce`` the
/// gradients travel in pieces, each from when it is computed, one behind the other, and the update waits for the last of them.
/// What else is exchanged is waited for: its bytes and, for each collective, its messages that follow one another. What travels
/// while a host computes takes processor time from it.
///
/// All hosts are taken to be alike and to begin at once, and links to carry as much in both directions as if nothing else did. So
/// it is what steps come near to where each rank has its processors, and no promise.
package struct StepForecast: Equatable, Encodable, Sendable {
    /// The seconds in which a host computes.
    package let computing: Double
    /// The seconds of bytes that are waited for, and of processors that send and take bytes instead of computing.
    package let wire: Double
    /// The seconds of messages that follow one another, whatever their bytes.
    package let messages: Double
    /// The seconds of bytes that travel while the host computes.
    package let hidden: Double

    /// Those of the step.
    package var seconds: Double { computing + wire + messages }

    /// - Parameters:
    ///   - work: What the host with the most rows computes.
    ///   - traffic: What travels.
    ///   - link: On what.
    package init(_ work: HostWork, _ traffic: StepTraffic, over link: HostLink) {
        let hosts = traffic.nodeCount
        computing = work.seconds
        guard hosts > 1 else {
            (wire, messages, hidden) = (0, 0, 0)
            return
        }
        // Pixels leave at once. A piece goes to those who sum it, and from them to all.
        let pixels = traffic.receivedAhead
        var sent: [Sending] = pixels > 0 ? [Sending(work: 0, bytes: pixels, rounds: 1)] : []
        var done = 0.0
        for piece in traffic.pieces {
            let ready = work.forward + work.backward * piece.share
            sent.append(
                Sending(work: ready - done, bytes: traffic.received(ofSum: piece.bytes), rounds: 2))
            done = ready
        }
        func seconds(_ piece: Sending) -> Double {
            link.seconds(piece.bytes) + Double(piece.rounds) * (link.latency + HostLink.pauseOfThread)
        }
        let bytes = sent.reduce(0) { $0 + $1.bytes }
        let travelling = sent.reduce(0) { $0 + seconds($1) }
        // What is left of a processor while it sends and takes bytes.
        let rate = bytes > 0 ? 1 - min(1, link.processorSecondsPerByte * Double(bytes) / travelling) : 1
        var (clock, arrival) = (0.0, 0.0)
        func compute(_ seconds: Double) {
            let busy = max(0, arrival - clock)
            clock += seconds < busy * rate ? seconds / rate : seconds + busy * (1 - rate)
        }
        for piece in sent {
            compute(piece.work)
            arrival = max(arrival, clock) + seconds(piece)
        }
        // Pixels have the time until the next passes are done, gradients until these are.
        let rest = pixels > 0 ? work.seconds : work.forward + work.backward - done
        compute(rest)
        let late = max(0, arrival - clock)
        let between = traffic.received - bytes
        wire = max(0, clock - done - rest) + late + link.seconds(between)
        hidden = max(0, travelling - late)
        messages = traffic.waited.reduce(0) { $0 + link.latency * HostLink.messages(of: $1, hosts: hosts) }
    }

    /// Bytes that travel behind what is computed.
    private struct Sending {
        /// What is computed between the one before and this.
        let work: Double
        let bytes: Int
        /// The messages that follow one another.
        let rounds: Int
    }
}

/// The network between hosts, as a step meets it.
package struct HostLink: Equatable, Encodable, Sendable {
    /// The bytes that reach a host in a second, while as many leave it.
    package var bytesPerSecond: Double
    /// The seconds from sending a short message to having received it.
    package var latency: Double
    /// The seconds of a processor for a byte that a host gets and one that it sends.
    package var processorSecondsPerByte: Double

    package init(bytesPerSecond: Double, latency: Double, processorSecondsPerByte: Double = 0) {
        (self.bytesPerSecond, self.latency) = (bytesPerSecond, latency)
        self.processorSecondsPerByte = processorSecondsPerByte
    }

    /// How long bytes take that somebody waits for.
    func seconds(_ bytes: Int) -> Double { Double(bytes) * max(1 / bytesPerSecond, processorSecondsPerByte) }

    /// What goes by for the thread that waits asleep between the arrival of a message and its next look, 50 to 100 µs apart.
    static let pauseOfThread = 75e-6

    /// The messages of a collective that follow one another: of short ones, which double what a host has, as many as it
    /// takes to reach all; of long ones, which go round, one less than the hosts.
    static func messages(of bytes: Int, hosts: Int) -> Double {
        bytes < 1 << 16 ? ceil(log2(Double(hosts))) : Double(hosts - 1)
    }
}

/// The seconds in which a host's ranks compute their part of a step, together and without others.
package struct HostWork: Equatable, Sendable {
    /// Until the loss: loading, the forward pass.
    package var forward: Double
    /// From there on until the update.
    package var backward: Double
    /// With ``FactorExchange`` the weights' gradients, too.
    package var update: Double

    package init(forward: Double, backward: Double, update: Double) {
        (self.forward, self.backward, self.update) = (forward, backward, update)
    }

    package var seconds: Double { forward + backward + update }
}

/// How long a host computes for any number of rows: of each part something that does not depend on them, and the rest in
/// proportion, as two steps of different batches came out.
package struct HostSpeed: Equatable, Sendable {
    /// A step of one host alone.
    package struct Sample: Equatable, Sendable {
        package var rows: Int
        package var work: HostWork

        package init(rows: Int, work: HostWork) { (self.rows, self.work) = (rows, work) }
    }

    private struct Part: Equatable {
        let fixed: Double
        let perRow: Double

        /// It meets the larger sample; with the smaller one neither part gets negative.
        init(_ larger: Sample, _ smaller: Sample, _ part: KeyPath<HostWork, Double>) {
            let (time, rows) = (larger.work[keyPath: part], Double(larger.rows))
            let slope =
                larger.rows > smaller.rows
                ? (time - smaller.work[keyPath: part]) / Double(larger.rows - smaller.rows) : time / rows
            perRow = min(max(slope, 0), time / rows)
            fixed = time - perRow * rows
        }

        func seconds(_ rows: Double) -> Double { fixed + perRow * rows }
    }

    private let forward: Part
    private let backward: Part
    private let update: Part

    /// - Parameters:
    ///   - one: A step of all the rows there are.
    ///   - other: One of another number of rows, with as many rows to a logical shard; nil to have all in proportion.
    package init(_ one: Sample, _ other: Sample? = nil) {
        let other = other ?? one
        let (larger, smaller) = one.rows >= other.rows ? (one, other) : (other, one)
        forward = Part(larger, smaller, \.forward)
        backward = Part(larger, smaller, \.backward)
        update = Part(larger, smaller, \.update)
    }

    /// The work of a host.
    ///
    /// - Parameters:
    ///   - rows: Its own rows of the batch.
    ///   - gradientRows: Those over which it forms weight gradients in the update.
    ///   - slowdown: How many times as long it takes as the one that was measured, where it has fewer processors.
    package func work(rows: Int, gradientRows: Double, slowdown: Double = 1) -> HostWork {
        HostWork(
            forward: slowdown * forward.seconds(Double(rows)),
            backward: slowdown * backward.seconds(Double(rows)),
            update: slowdown * update.seconds(gradientRows))
    }
}

extension HostSpeed {
    /// The batch and the logical shards of a step as one of several hosts has it, with as many rows to a shard.
    package static func part(ofBatch batch: Int, shards: Int, hosts: Int) -> (batch: Int, shards: Int) {
        let part = max(1, shards / hosts)
        return (batch: batch / shards * part, shards: part)
    }
}

/// A way by which hosts come to one update.
package enum HostExchange: String, CaseIterable, Sendable {
    case factorExchange = "factor-exchange"
    /// Each host forms a share of the gradients over all rows, and they exchange these, too.
    case factorsAndGradients = "factor-exchange and gradients"
    case allreduce

    /// What travels in a step.
    ///
    /// - Parameters:
    ///   - network: What is trained.
    ///   - division: Who takes what of a batch.
    ///   - slices: The bytes of a number in products with pixels; nil for Float products.
    ///   - imageBytes: The bytes of a row's pixels, where they travel.
    ///   - synchronizesBatchNorm: Whether batch norm takes its statistics over the global batch.
    package func traffic(
        of network: Sequential, _ division: StepTraffic.Division, slices: Int?, imageBytes: Int,
        synchronizesBatchNorm: Bool
    ) -> StepTraffic {
        switch self {
        case .factorExchange, .factorsAndGradients:
            .factorExchange(
                network, division, slices: slices, imageBytes: imageBytes,
                synchronizesBatchNorm: synchronizesBatchNorm, exchangesGradients: self == .factorsAndGradients
            )
        case .allreduce:
            .allreduce(network, division, synchronizesBatchNorm: synchronizesBatchNorm)
        }
    }

    /// A step's time.
    ///
    /// - Parameters:
    ///   - traffic: What travels in it.
    ///   - division: Who takes what of a batch.
    ///   - speed: How long a host takes for steps of this way's strategy.
    ///   - slowdown: How many times as long each of these hosts takes.
    package func forecast(
        _ traffic: StepTraffic, _ division: StepTraffic.Division, _ speed: HostSpeed, over link: HostLink,
        slowdown: Double = 1
    ) -> StepForecast {
        let own = division.rowsOfNodes.max() ?? 0
        let all = Double(division.rowsOfNodes.reduce(0, +))
        let gradientRows =
            switch self {
            case .factorExchange: all
            case .factorsAndGradients: all / Double(division.rowsOfNodes.count)
            case .allreduce: Double(own)
            }
        var link = link
        link.processorSecondsPerByte *= slowdown
        return StepForecast(
            speed.work(rows: own, gradientRows: gradientRows, slowdown: slowdown), traffic, over: link)
    }
}
