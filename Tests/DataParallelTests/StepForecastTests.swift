import DataParallel
import MLPEngine
import Testing

@Suite("The model of a step's time")
struct StepForecastTests {
    private static let network =
        MLP(
            MLPConfiguration(
                inputs: 3072, hiddenDimensions: [256, 64], classes: 10, activation: .relu, batchNorm: true)
        ).network
    private static let work = HostWork(forward: 1e-3, backward: 2e-3, update: 5e-4)

    private static func division(hosts: Int, ranksPerHost: Int = 1) -> StepTraffic.Division {
        let ranks = hosts * ranksPerHost
        return StepTraffic.Division(
            nodeOfRank: (0..<ranks).map { $0 / ranksPerHost },
            shardsOfRank: (0..<ranks).map { ($0 + 1) * 64 / ranks - $0 * 64 / ranks }, rowsPerShard: 4)
    }

    private static func traffic(
        _ way: HostExchange, hosts: Int, imageBytes: Int = 3072, synchronizesBatchNorm: Bool = true
    ) -> StepTraffic {
        way.traffic(
            of: network, division(hosts: hosts), slices: 3, imageBytes: imageBytes,
            synchronizesBatchNorm: synchronizesBatchNorm)
    }

    private static let hostCounts = [2, 3, 8, 64]
    private static let speeds = [1e5, 1e7, 1.25e8, 1.25e9, 1e15]

    @Test("Where there is one host a step takes what it computes", arguments: HostExchange.allCases)
    func oneHost(way: HostExchange) {
        let link = HostLink(bytesPerSecond: 1, latency: 1)
        let step = StepForecast(Self.work, Self.traffic(way, hosts: 1), over: link)
        #expect(step.seconds == Self.work.seconds && step.computing == step.seconds)
        #expect(step.wire == 0 && step.messages == 0 && step.hidden == 0)
    }

    @Test(
        "No step takes less than its bytes, or than what is computed and its messages",
        arguments: HostExchange.allCases, hostCounts)
    func bounds(way: HostExchange, hosts: Int) {
        let traffic = Self.traffic(way, hosts: hosts)
        for speed in Self.speeds {
            let step = StepForecast(
                Self.work, traffic, over: HostLink(bytesPerSecond: speed, latency: 2e-5))
            #expect(step.seconds >= Double(traffic.received) / speed)
            #expect(step.seconds >= Self.work.seconds + Double(traffic.waited.count) * 2e-5)
        }
    }

    @Test(
        "A faster link, or one with less latency, makes no step longer", arguments: HostExchange.allCases,
        hostCounts)
    func links(way: HostExchange, hosts: Int) {
        let traffic = Self.traffic(way, hosts: hosts)
        func seconds(_ speed: Double, _ latency: Double, _ processor: Double = 0) -> Double {
            let link = HostLink(
                bytesPerSecond: speed, latency: latency, processorSecondsPerByte: processor)
            return StepForecast(Self.work, traffic, over: link).seconds
        }
        for (slow, fast) in zip(Self.speeds, Self.speeds.dropFirst()) {
            #expect(seconds(slow, 5e-5) > seconds(fast, 5e-5))
            #expect(seconds(slow, 5e-5) > seconds(slow, 0))
            // As fast as its processors are.
            #expect(seconds(slow, 0, 1e-9) >= seconds(fast, 0, 1e-9) * (1 - 1e-12))
            #expect(seconds(slow, 0, 2e-9) >= seconds(slow, 0, 1e-9) * (1 - 1e-12))
        }
    }

    @Test(
        "Nothing hides behind more than is computed: pixels behind a step, gradients behind the backward pass",
        arguments: HostExchange.allCases, hostCounts)
    func hiding(way: HostExchange, hosts: Int) {
        let traffic = Self.traffic(way, hosts: hosts)
        let room = way == .allreduce ? Self.work.backward : Self.work.seconds
        for speed in Self.speeds {
            let step = StepForecast(Self.work, traffic, over: HostLink(bytesPerSecond: speed, latency: 0))
            #expect(step.hidden >= 0 && step.hidden <= room * (1 + 1e-12))
            // Hidden or not, every byte travels.
            #expect(step.hidden + step.wire >= Double(traffic.received) / speed * (1 - 1e-12))
        }
        let slow = StepForecast(Self.work, traffic, over: HostLink(bytesPerSecond: 1e5, latency: 0))
        #expect(slow.hidden > 0)
    }

    @Test(
        "Bytes that travel while a host computes take it a processor's time, and no step is shorter than what its processors do",
        arguments: hostCounts)
    func processors(hosts: Int) {
        let traffic = Self.traffic(.factorExchange, hosts: hosts)
        func step(_ perByte: Double) -> StepForecast {
            StepForecast(
                Self.work, traffic,
                over: HostLink(bytesPerSecond: 1e12, latency: 0, processorSecondsPerByte: perByte))
        }
        for perByte in [1e-11, 1e-10, 1e-9, 1e-8, 1e-7] {
            let least = Self.work.seconds + perByte * Double(traffic.received)
            #expect(step(perByte).seconds >= least * (1 - 1e-12))
            #expect(step(perByte).seconds <= least + step(0).seconds)
        }
    }

    @Test("Pixels that every host has do not travel, and a link without limits then costs nothing")
    func placement() {
        let traffic = Self.traffic(.factorExchange, hosts: 4, imageBytes: 0)
        #expect(traffic.receivedAhead == 0)
        let step = StepForecast(
            Self.work, traffic, over: HostLink(bytesPerSecond: .infinity, latency: 0))
        #expect(step.seconds == Self.work.seconds)
    }

    @Test("What nodes gather is what is waited for and what is sent ahead", arguments: hostCounts)
    func gathered(hosts: Int) {
        for way in [HostExchange.factorExchange, .factorsAndGradients] {
            let traffic = Self.traffic(way, hosts: hosts)
            let all = traffic.gathered.reduce(0, +)
            #expect(all == traffic.waited.reduce(0, +) + traffic.ahead.reduce(0, +))
            #expect(traffic.ahead.reduce(0, +) == 64 * 4 * 3072)
        }
        // Two norms, on the way forward and back.
        let local = Self.traffic(.factorExchange, hosts: hosts, synchronizesBatchNorm: false)
        let sync = Self.traffic(.factorExchange, hosts: hosts)
        #expect(sync.waited.count == local.waited.count - 1 + 4)
    }

    @Test("Gradients leave in the order of the backward pass, those of layers that read the batch last")
    func pieces() throws {
        let pieces = Self.traffic(.allreduce, hosts: 2).pieces
        let weights = Self.network.linears.reduce(0) { $0 + $1.weight.count }
        #expect(pieces.reduce(0) { $0 + $1.bytes } == 4 * weights)
        #expect(pieces.first?.bytes == 4 * 64 * 10)
        let shares = pieces.map(\.share)
        #expect(shares == shares.sorted() && Set(shares).count == shares.count && shares.last == 1)
        // Behind the last layer's gradient come its input's, and all else.
        let all = Double(2 * (64 * 10 + 256 * 64) + 3072 * 256)
        #expect(abs(shares[0] - 640 / all) < 1e-12 && abs(shares[1] - (1280 + 16_384) / all) < 1e-12)
    }

    @Test("A host's time meets both samples, grows with its rows, and no part of it is negative")
    func speed() {
        func sample(_ rows: Int, _ time: Double) -> HostSpeed.Sample {
            HostSpeed.Sample(rows: rows, work: HostWork(forward: time, backward: 2 * time, update: time))
        }
        let speed = HostSpeed(sample(16, 2), sample(64, 5))
        func close(_ work: HostWork, _ time: Double) -> Bool { abs(work.seconds - 4 * time) < 1e-12 }
        #expect(close(speed.work(rows: 16, gradientRows: 16), 2))
        #expect(close(speed.work(rows: 64, gradientRows: 64), 5))
        #expect(close(speed.work(rows: 32, gradientRows: 32, slowdown: 2), 6))
        #expect(speed.work(rows: 32, gradientRows: 64).update == 5)
        #expect(speed == HostSpeed(sample(64, 5), sample(16, 2)))
        // A smaller step that took longer, one that took hardly anything, and none at all.
        for other in [sample(16, 9), sample(16, 0), nil] {
            let speed = HostSpeed(sample(64, 5), other)
            var last = 0.0
            for rows in [0, 1, 16, 63, 64, 100] {
                let now = speed.work(rows: rows, gradientRows: Double(rows)).seconds
                #expect(now >= last)
                last = now
            }
            #expect(close(speed.work(rows: 64, gradientRows: 64), 5))
        }
        #expect(close(HostSpeed(sample(64, 5)).work(rows: 32, gradientRows: 32), 2.5))
    }

    @Test("Hosts update by the whole batch, or where they exchange gradients by their share of it")
    func gradientRows() {
        let sample = HostSpeed.Sample(rows: 256, work: HostWork(forward: 1, backward: 1, update: 1))
        let (speed, division) = (HostSpeed(sample), Self.division(hosts: 4))
        let link = HostLink(bytesPerSecond: .infinity, latency: 0)
        func computing(_ way: HostExchange) -> Double {
            way.forecast(Self.traffic(way, hosts: 4), division, speed, over: link).computing
        }
        #expect(computing(.factorExchange) == 1.5)
        #expect(computing(.factorsAndGradients) == 0.75 && computing(.allreduce) == 0.75)
    }

    @Test("A part of a batch has as many rows to a shard, and at least one shard")
    func part() {
        #expect(HostSpeed.part(ofBatch: 128, shards: 8, hosts: 2) == (64, 4))
        #expect(HostSpeed.part(ofBatch: 120, shards: 8, hosts: 3) == (30, 2))
        #expect(HostSpeed.part(ofBatch: 128, shards: 8, hosts: 64) == (16, 1))
    }
}
