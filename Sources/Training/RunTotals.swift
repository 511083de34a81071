/// What a process has trained since its start.
struct RunTotals {
    private(set) var seconds = 0.0
    private var images = 0

    var imagesPerSecond: Double { seconds > 0 ? Double(images) / seconds : 0 }

    mutating func add(_ images: Int, seconds: Double) {
        self.images += images
        self.seconds += seconds
    }
}

/// When the last checkpoint was taken, and for how long training stood still at most.
struct CheckpointTimes {
    private(set) var last: ContinuousClock.Instant
    private(set) var longestPause = 0.0

    init(last: ContinuousClock.Instant) { self.last = last }

    mutating func measure(_ clock: ContinuousClock, _ body: () throws -> Void) rethrows {
        let start = clock.now
        try body()
        last = clock.now
        longestPause = max(longestPause, (last - start) / .seconds(1))
    }
}
