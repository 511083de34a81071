internal import ArgumentParser
package import DataParallel

/// The network between hosts, as a model of steps takes it.
package struct LinkOptions: ParsableArguments {
    @Option(
        parsing: .unconditional, help: "What the network brings to a host, in Gbit/s, for the estimate.",
        transform: Values.number)
    package var linkGigabits = 10.0

    @Option(
        parsing: .unconditional,
        help: "What a short message takes from host to host, in microseconds, for the estimate.",
        transform: Values.number)
    package var linkLatencyUs = 50.0

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "A processor's time for a byte that a host gets and one that it sends, in nanoseconds, for the estimate.",
            valueName: "ns"),
        transform: Values.number)
    package var linkProcessorNs = 0.5

    package init() {}

    package func validate() throws {
        guard linkGigabits > 0, linkGigabits.isFinite else {
            throw ValidationError("--link-gigabits: expected a number > 0, found \(linkGigabits)")
        }
        for (name, number) in [
            ("--link-latency-us", linkLatencyUs), ("--link-processor-ns", linkProcessorNs),
        ] where !(number >= 0 && number.isFinite) {
            throw ValidationError("\(name): expected a number ≥ 0, found \(number)")
        }
    }

    package var link: HostLink {
        HostLink(
            bytesPerSecond: linkGigabits * 1e9 / 8, latency: linkLatencyUs / 1e6,
            processorSecondsPerByte: linkProcessorNs / 1e9)
    }
}
