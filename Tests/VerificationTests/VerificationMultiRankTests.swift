import Collectives
import DataParallel
import MultiRankSupport
import Tensors
import Training
import Verification
import XCTest

/// The table on the ranks of the launcher.
final class VerificationMultiRankTests: XCTestCase {
    func testTheTableHoldsOnTheseRanks() throws {
        let communicator = try MultiRankWorld.communicator()
        for transport in [RunOptions.Transport.auto, .mpi] {
            var options = RunOptions(programVersion: "test")
            options.transport = transport
            var lines: [String] = []
            let verdict = try Verification(communicator, options: options).run { lines.append($0) }
            XCTAssertTrue(verdict.agrees, "\(transport): \(lines.joined(separator: "\n"))")
            XCTAssertEqual(lines.count, 2 + ReferenceTable.current.runs.count)
        }
    }

    func testARankWithAnotherBitIsNamedWithStepAndTensor() throws {
        let communicator = try MultiRankWorld.communicator()
        var options = RunOptions(programVersion: "test")
        // Each rank has a model of its own.
        options.transport = .mpi
        let last = communicator.size - 1
        if communicator.rank == last {
            options.watch = { event in
                guard case .step(3, _, let model) = event else { return }
                model.parameters[0] = Float(bitPattern: model.parameters[0].bitPattern ^ 1)
            }
        }
        var lines: [String] = []
        let verdict = try Verification(communicator, options: options).run(only: ["momentum"]) {
            lines.append($0)
        }
        XCTAssertEqual(verdict.differingRuns, ["momentum"])
        XCTAssertEqual(verdict.ranksDiffer, communicator.size > 1)
        let line = lines.last ?? ""
        XCTAssertTrue(line.contains("first at step 3: layers.0.weight"), line)
        XCTAssertEqual(line.contains("on rank \(last) (host "), communicator.size > 1, line)
    }
}
