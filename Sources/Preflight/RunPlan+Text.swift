internal import DataParallel
internal import Foundation

extension RunPlan {
    /// The plan as names and values, for people.
    package var rows: [(name: String, value: String)] {
        var rows = [
            ("model", "\(model), \(parameters) parameters"),
            (
                "data",
                "\(data): \(trainingRecords) to train on, \(validationRecords) for validation, \(testRecords) to test"
            ),
            (
                "ranks",
                "\(Self.counted(ranks, "rank")) on \(Self.counted(hosts, "host")), "
                    + "\(Self.counted(threadsPerRank, "thread")) each"
            ),
            (
                "shards",
                "\(logicalShards) logical shards, \(shardsPerRank.text) of each rank: \(rowsPerRank.text) rows of a"
                    + " global batch of \(batchSize)"
            ),
            ("steps", "\(stepsPerEpoch) in each of \(Self.counted(epochs, "epoch")), \(steps) in all"),
            ("memory", memoryText),
        ]
        if memory.sharedObjects > 0 {
            rows.append(("/dev/shm", "\(Self.bytes(memory.sharedObjects)) on a host"))
        }
        for exchange in exchanges {
            rows.append(
                (
                    exchange == exchanges[0] ? "exchange" : "",
                    "\(exchange.name): \(Self.grouped(exchange.bytesPerStep)) bytes a step to a host"
                        + (exchange.isChosen ? ", chosen" : "")
                ))
        }
        rows.append(("checkpoints", checkpointsText))
        guard let estimate else { return rows }
        rows.append(("time", timeText(estimate)))
        if !exchanges.isEmpty { rows.append(("a step", stepText(estimate.step))) }
        return rows + [("grounds", groundsText(estimate))]
    }

    private var memoryText: String {
        let first = memory.ofRanks[0]
        let others = Span(Array(memory.ofRanks.dropFirst()))
        let ranks =
            self.ranks == 1
            ? Self.bytes(first)
            : "\(Self.bytes(first)) of rank 0, \(Self.bytes(others.most)) of each other rank, "
                + "\(Self.bytes(memory.ofHost)) on a host"
        return "\(ranks); this machine has \(Self.bytes(memoryOfThisMachine))"
    }

    private var checkpointsText: String {
        let size = "at most \(Self.bytes(checkpoints.bytes)) each"
        guard let kept = checkpoints.kept else { return "\(size), as many as the time allows" }
        let written = checkpoints.written.map { "\($0) written, " } ?? ""
        return "\(size), \(written)\(kept) kept: \(Self.bytes(checkpoints.bytes * kept)) at most"
    }

    private func timeText(_ estimate: TimeEstimate) -> String {
        "about \(Self.duration(estimate.seconds)): \(steps) steps of \(Self.milliseconds(estimate.secondsPerStep)),"
            + " \(Self.counted(epochs, "evaluation")) of \(Self.milliseconds(estimate.secondsPerEvaluation));"
            + " without reading and writing"
    }

    private func stepText(_ step: StepForecast) -> String {
        "\(Self.milliseconds(step.computing)) computed, \(Self.milliseconds(step.wire)) of bytes that are waited for, "
            + "\(Self.milliseconds(step.messages)) of messages; \(Self.milliseconds(step.hidden)) of bytes meanwhile"
    }

    private func groundsText(_ estimate: TimeEstimate) -> String {
        let link =
            exchanges.isEmpty
            ? ""
            : "; " + Self.link(estimate.link)
                + ", as assumed (--link-gigabits, --link-latency-us, --link-processor-ns)"
        return "\(Self.counted(estimate.measuredSteps, "step")) taken now on this machine by "
            + "\(Self.counted(estimate.threads, "thread")), as a host's ranks together: "
            + "\(Self.milliseconds(estimate.measuredPassSeconds)) for the passes, "
            + "\(Self.milliseconds(estimate.measuredUpdateSeconds)) for the update\(link)"
    }

    static func link(_ link: HostLink) -> String {
        String(
            format: "%.3g Gbit/s to each host, %.3g µs a message and %.3g ns of a processor a byte",
            link.bytesPerSecond * 8 / 1e9, link.latency * 1e6, link.processorSecondsPerByte * 1e9)
    }

    static func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

    static func bytes(_ count: Int) -> String {
        count < 10_000_000
            ? String(format: "%.1f MB", Double(count) / 1e6)
            : count < 10_000_000_000
                ? String(format: "%.0f MB", Double(count) / 1e6)
                : String(format: "%.1f GB", Double(count) / 1e9)
    }

    /// With a comma before every three digits.
    static func grouped(_ count: Int) -> String {
        let digits = Array(String(count))
        return stride(from: digits.count, to: 0, by: -3).map { String(digits[max($0 - 3, 0)..<$0]) }
            .reversed()
            .joined(separator: ",")
    }

    private static func milliseconds(_ seconds: Double) -> String {
        String(format: "%.3g ms", seconds * 1000)
    }

    private static func duration(_ seconds: Double) -> String {
        switch seconds {
        case ..<100: String(format: "%.1f s", seconds)
        case ..<6000: String(format: "%.0f min", seconds / 60)
        default: String(format: "%.1f h", seconds / 3600)
        }
    }
}
