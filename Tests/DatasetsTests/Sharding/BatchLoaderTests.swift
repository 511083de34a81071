import Datasets
import Tensors
import Testing

@Suite struct BatchLoaderTests {
    private static let batch = 24
    /// 107 records, of which 98 are trained on: shards of 13 and 12.
    private static let split = ValidationSplit(count: 107, validationSize: 9, seed: 6)
    private static let shards = LogicalShards(records: split.training, count: 8, seed: 6)

    private struct Batch: Equatable {
        var pixels: [UInt8]
        var labels: [Int32]
    }

    private func loader(
        _ dataset: any ImageDataset, rank: Int = 0, of worldSize: Int = 1, _ shuffle: Shuffle = .shards
    ) throws -> BatchLoader {
        let assignment = ShardAssignment(worldSize: worldSize, shardCount: Self.shards.count)
        return try BatchLoader(
            dataset: dataset, shards: Self.shards, ownedShards: assignment.shards(of: rank),
            globalBatch: Self.batch, shuffle: shuffle)
    }

    private func load(_ loader: BatchLoader, step: Int) -> Batch {
        let x = AlignedBuffer<UInt8>(repeating: 0, count: loader.rows * 3072)
        let labels = AlignedBuffer<Int32>(repeating: -1, count: loader.rows)
        loader.load(step: step, into: x.matrix(rows: loader.rows, columns: 3072), labels: labels.vector)
        return Batch(pixels: x.vector.array, labels: labels.vector.array)
    }

    @Test(
        "The ranks' parts one behind the other are the same global batch for every world size",
        arguments: 1...8, Shuffle.allCases)
    func globalBatch(worldSize: Int, shuffle: Shuffle) throws {
        let dataset = SyntheticDataset(seed: 8, trainingCount: 107)
        let whole = try loader(dataset, shuffle)
        let parts = try (0..<worldSize).map { try loader(dataset, rank: $0, of: worldSize, shuffle) }
        #expect(whole.rows == Self.batch && parts.map(\.rows).reduce(0, +) == Self.batch)
        #expect(parts.reduce(0) { $0 &+ $1.fingerprint } == whole.fingerprint)
        for epoch in [0, 3] {
            for loader in parts + [whole] { loader.beginEpoch(epoch) }
            #expect(whole.stepsPerEpoch == 4)
            for step in 0..<whole.stepsPerEpoch {
                let batches = parts.map { load($0, step: step) }
                let joined = Batch(
                    pixels: batches.flatMap(\.pixels), labels: batches.flatMap(\.labels))
                #expect(joined == load(whole, step: step), "epoch \(epoch), step \(step)")
            }
        }
    }

    @Test("Any rank can tell the record in any row of a global batch", arguments: Shuffle.allCases)
    func record(shuffle: Shuffle) throws {
        let dataset = RecordedDataset(size: 107)
        let (whole, part) = (try loader(dataset, shuffle), try loader(dataset, rank: 2, of: 3, shuffle))
        for loader in [whole, part] { loader.beginEpoch(1) }
        for step in [0, 3] {
            let batch = load(whole, step: step)
            for row in 0..<Self.batch {
                let record = part.record(step: step, row: row)
                #expect(batch.labels[row] == Int32(RecordedDataset.label(record)))
                #expect(batch.pixels[row * 3072] == RecordedDataset.pixel(record, 0))
            }
        }
    }

    @Test("Rows are the shards' next records in the epoch's order, as they are, with their labels")
    func rows() throws {
        let dataset = RecordedDataset(size: 107)
        let loader = try loader(dataset, rank: 1, of: 3)
        #expect(loader.ownedShards == 2..<5 && loader.rowsPerShard == 3 && loader.rows == 9)
        for epoch in 0..<2 {
            loader.beginEpoch(epoch)
            for step in 0..<4 {
                let records = (2..<5).flatMap { shard in
                    Self.shards.order(of: shard, epoch: epoch)[step * 3..<step * 3 + 3].map {
                        Self.shards.shards[shard][$0]
                    }
                }
                let batch = load(loader, step: step)
                #expect(batch.labels == records.map { Int32(RecordedDataset.label($0)) })
                #expect(
                    batch.pixels
                        == records.flatMap { record in (0..<3072).map { RecordedDataset.pixel(record, $0) } })
            }
        }
    }

    @Test(
        "With a global shuffle rows are the next records of all in the epoch's order, wherever they were dealt"
    )
    func globalRows() throws {
        let loader = try loader(RecordedDataset(size: 107), rank: 1, of: 3, .global)
        #expect(loader.ownedShards == 2..<5 && loader.rows == 9)
        for epoch in 0..<2 {
            loader.beginEpoch(epoch)
            let order = Self.shards.globalOrder(epoch: epoch).map { Self.split.training[$0] }
            for step in 0..<4 {
                // Of the batch's 24 rows those of the shards 2, 3 and 4.
                let records = order[step * 24 + 6..<step * 24 + 15]
                let batch = load(loader, step: step)
                #expect(batch.labels == records.map { Int32(RecordedDataset.label($0)) })
                #expect(
                    batch.pixels
                        == records.flatMap { record in (0..<3072).map { RecordedDataset.pixel(record, $0) } })
            }
        }
    }

    @Test("With a global shuffle every rank reads all training records, once, and one answers for them")
    func globalReads() throws {
        let fingerprints = try (0..<3).map { rank in
            let dataset = RecordedDataset(size: 107)
            let loader = try loader(dataset, rank: rank, of: 3, .global)
            for epoch in 0..<2 {
                loader.beginEpoch(epoch)
                _ = load(loader, step: 0)
            }
            #expect(dataset.reads == [Self.split.training])
            return loader.fingerprint
        }
        #expect(fingerprints.reduce(0, &+) == (try loader(RecordedDataset(size: 107)).fingerprint))
    }

    @Test("A rank reads its own shards' records, once, and no others", arguments: [1, 3, 8])
    func reads(worldSize: Int) throws {
        for rank in 0..<worldSize {
            let dataset = RecordedDataset(size: 107)
            let loader = try loader(dataset, rank: rank, of: worldSize)
            let owned = loader.ownedShards.flatMap { Self.shards.shards[$0] }.sorted()
            for epoch in 0..<2 {
                loader.beginEpoch(epoch)
                _ = load(loader, step: 0)
            }
            #expect(dataset.reads == [owned])
            #expect(loader.fingerprint == owned.reduce(0) { $0 &+ RecordedDataset.fingerprint($1) })
        }
    }

    @Test(
        "Rows of other ranks' shards are those that they load, and count for nothing else",
        arguments: Shuffle.allCases)
    func otherShards(shuffle: Shuffle) throws {
        let dataset = SyntheticDataset(seed: 8, trainingCount: 107)
        let others = [0..<2, 5..<7]
        let reader = try BatchLoader(
            dataset: dataset, shards: Self.shards, ownedShards: 2..<5, otherShards: others,
            globalBatch: Self.batch, shuffle: shuffle)
        let plain = try loader(dataset, rank: 1, of: 3, shuffle)
        let whole = try loader(dataset, shuffle)
        #expect(reader.fingerprint == plain.fingerprint && reader.rows == 9)
        for epoch in [0, 2] {
            for loader in [reader, plain, whole] { loader.beginEpoch(epoch) }
            for step in 0..<4 {
                #expect(load(reader, step: step) == load(plain, step: step))
                let all = load(whole, step: step).pixels
                for (index, shards) in others.enumerated() {
                    let x = AlignedBuffer<UInt8>(repeating: 0, count: shards.count * 3 * 3072)
                    reader.load(
                        step: step, other: index, into: x.matrix(rows: shards.count * 3, columns: 3072))
                    #expect(
                        x.vector.array
                            == Array(all[shards.lowerBound * 3 * 3072..<shards.upperBound * 3 * 3072]))
                }
            }
        }
    }

    @Test("An epoch shows no record twice, and another epoch has another order", arguments: Shuffle.allCases)
    func epochs(shuffle: Shuffle) throws {
        // Each record has one colour of its own: its number.
        struct Numbered: ImageDataset {
            let name = "numbered"
            let location = "in memory"
            let format = ImageFormat.cifar10
            func count(of split: DatasetSplit) -> Int { 107 }
            func read(_ split: DatasetSplit, records: [Int]) -> ImageRecords {
                ImageRecords(
                    pixels: records.flatMap { [UInt8](repeating: UInt8($0), count: 3072) },
                    labels: records.map { _ in 0 }, fingerprint: 0)
            }
        }
        let loader = try loader(Numbered(), shuffle)
        let epochs = [0, 1].map { epoch in
            loader.beginEpoch(epoch)
            return (0..<4).flatMap { step in
                let batch = load(loader, step: step)
                return (0..<Self.batch).map { Int(batch.pixels[$0 * 3072]) }
            }
        }
        for records in epochs {
            #expect(records.count == 96 && Set(records).count == 96)
            #expect(Set(records).isSubset(of: Self.split.training))
        }
        #expect(epochs[0] != epochs[1])
    }

    @Test("An epoch is the same whether or not others came before it", arguments: Shuffle.allCases)
    func resuming(shuffle: Shuffle) throws {
        let dataset = SyntheticDataset(seed: 8, trainingCount: 107)
        let (through, resumed) = (try loader(dataset, shuffle), try loader(dataset, shuffle))
        for epoch in 0...2 {
            through.beginEpoch(epoch)
            _ = load(through, step: 1)
        }
        resumed.beginEpoch(2)
        #expect(load(through, step: 3) == load(resumed, step: 3))
    }

    @Test("What the data set throws comes out")
    func failure() throws {
        let record = Self.shards.shards[4][2]
        #expect(throws: RecordedDataset.Failure.self) {
            _ = try loader(RecordedDataset(size: 107, failing: record), rank: 4, of: 8)
        }
        // Who does not own it does not notice.
        _ = try loader(RecordedDataset(size: 107, failing: record), rank: 3, of: 8)
    }
}
