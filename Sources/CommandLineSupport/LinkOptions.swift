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

    package init() {}

    package func validate() throws {
        guard linkGigabits > 0, linkGigabits.isFinite else {
            throw ValidationError("--link-gigabits: expected a number > 0, found \(linkGigabits)")
        }
        guard linkLatencyUs >= 0, linkLatencyUs.isFinite else {
            throw ValidationError("--link-latency-us: expected a number ≥ 0, found \(linkLatencyUs)")
        }
    }

    package var link: HostLink {
        HostLink(bytesPerSecond: linkGigabits * 1e9 / 8, latency: linkLatencyUs / 1e6)
    }
}
