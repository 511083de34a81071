/// Which of the records asked for lie in which file of a split.
struct RecordPlan {
    /// The share of one file.
    struct Part {
        /// The file's place among the files of its split.
        let file: Int
        /// The index of the file's first record in the split.
        let firstRecord: Int
        /// The places, in the list asked for, of the records that lie in this file.
        let positions: Range<Int>
    }

    /// The files that hold anything asked for, in order.
    let parts: [Part]

    /// - Parameters:
    ///   - records: Ascending, distinct indices below the sum of `counts`.
    ///   - counts: The number of records of each file of the split.
    init(records: [Int], counts: [Int]) {
        var parts: [Part] = []
        var firstRecord = 0
        var position = 0
        for (file, count) in counts.enumerated() {
            let start = position
            while position < records.count, records[position] < firstRecord + count { position += 1 }
            if position > start {
                parts.append(Part(file: file, firstRecord: firstRecord, positions: start..<position))
            }
            firstRecord += count
        }
        self.parts = parts
    }
}

extension RecordPlan.Part {
    /// The part cut into runs of neighbouring records, none longer than `limit`: each can be read at one go.
    func runs(of records: [Int], limit: Int) -> [Range<Int>] {
        var runs: [Range<Int>] = []
        var start = positions.lowerBound
        while start < positions.upperBound {
            var end = start + 1
            while end < positions.upperBound, end - start < limit, records[end] == records[end - 1] + 1 {
                end += 1
            }
            runs.append(start..<end)
            start = end
        }
        return runs
    }
}
