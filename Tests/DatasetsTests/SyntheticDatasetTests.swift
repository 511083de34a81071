import Datasets
import Testing

@Suite struct SyntheticDatasetTests {
    @Test func `A record does not depend on what else is read`() throws {
        let dataset = SyntheticDataset(seed: 7, trainingCount: 100, testCount: 50)
        for split in DatasetSplit.allCases {
            let all = try dataset.read(split, records: Array(0..<dataset.count(of: split)))
            for wanted in [[0], [9, 10, 11], [3, 17, 49]] {
                let some = try dataset.read(split, records: wanted)
                #expect(some.labels == wanted.map { all.labels[$0] })
                #expect(some.pixels == wanted.flatMap { all.pixels[$0 * 3072..<($0 + 1) * 3072] })
            }
        }
    }

    @Test func `The size of the set does not change its records`() throws {
        let small = try SyntheticDataset(seed: 7, trainingCount: 30).read(.training, records: Array(0..<30))
        #expect(try SyntheticDataset(seed: 7).read(.training, records: Array(0..<30)) == small)
    }

    @Test func `The splits and the seeds differ`() throws {
        let records = Array(0..<10)
        let sets = try [
            SyntheticDataset(seed: 1).read(.training, records: records),
            SyntheticDataset(seed: 1).read(.test, records: records),
            SyntheticDataset(seed: 2).read(.training, records: records),
            SyntheticDataset(seed: 1 << 40 | 1).read(.training, records: records),
        ]
        for first in sets.indices {
            for second in sets.indices where second > first {
                #expect(sets[first].pixels != sets[second].pixels)
            }
        }
    }

    @Test func `The images are the same everywhere and for ever`() throws {
        let records = try SyntheticDataset(seed: 42).read(.training, records: Array(0..<100))
        #expect(String(records.fingerprint, radix: 16) == "a5c44032b6ad2c88")
    }

    @Test func `Each ten successive records hold each class once, in varying order`() throws {
        let labels = try SyntheticDataset(seed: 3).read(.training, records: Array(0..<200)).labels
        let blocks = stride(from: 0, to: 200, by: 10).map { Array(labels[$0..<$0 + 10]) }
        #expect(blocks.allSatisfy { Set($0) == Set(0..<10) })
        #expect(Set(blocks).count > 15)
        #expect(SyntheticDataset.classNames.count == ImageFormat.cifar10.classCount)
    }

    @Test func `The mean image of a class says next to nothing`() throws {
        let dataset = SyntheticDataset(seed: 5)
        let training = try dataset.read(.training, records: Array(0..<3000))
        let test = try dataset.read(.test, records: Array(0..<1000))
        var means = [[Double]](repeating: [Double](repeating: 0, count: 3072), count: 10)
        for record in 0..<training.count {
            let label = Int(training.labels[record])
            for pixel in 0..<3072 {
                means[label][pixel] += Double(training.pixels[record * 3072 + pixel]) / 300
            }
        }
        let right = (0..<test.count).filter { record in
            let distances = means.map { mean in
                (0..<3072).reduce(0.0) { sum, pixel in
                    let difference = mean[pixel] - Double(test.pixels[record * 3072 + pixel])
                    return sum + difference * difference
                }
            }
            return distances.indices.min { distances[$0] < distances[$1] } == Int(test.labels[record])
        }
        #expect(right.count < 250)
    }

    @Test func `The pixels use the range of a byte, and the figure can be told from the noise`() throws {
        let records = try SyntheticDataset(seed: 42).read(.test, records: Array(0..<100))
        let mean = records.pixels.reduce(0.0) { $0 + Double($1) } / Double(records.pixels.count)
        let variance =
            records.pixels.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
            / Double(records.pixels.count)
        #expect((100...156).contains(mean))
        #expect((40...75).contains(variance.squareRoot()))
    }
}
