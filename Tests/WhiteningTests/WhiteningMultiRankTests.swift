import Collectives
import Datasets
import FileTestSupport
import MultiRankSupport
import Whitening
import XCTest

/// Whitening on the ranks of the launcher.
final class WhiteningMultiRankTests: XCTestCase {
    func testRanksWhitenToTheBitsOfOneAndReadWhatTheyHaveKept() throws {
        let communicator = try MultiRankWorld.communicator()
        for training in [100, 500] {
            let folder = try TemporaryFolder()
            // All ranks see rank 0's folder.
            let path = try communicator.broadcast(text: folder.path, root: 0)
            let images = CorrelatedImages(
                location: path, format: CorrelatedImages.wide, trainingCount: training)
            let alone = try images.whitened(keeps: false)
            for start in ["computed in", "found in"] {
                let whitened = try images.whitened(over: communicator)
                XCTAssertTrue(whitened.course.hasPrefix(start), whitened.course)
                XCTAssertEqual(whitened.sha256, alone.sha256)
                XCTAssertEqual(try whitened.all(), try alone.all())
                try communicator.barrier()
            }
        }
    }
}
