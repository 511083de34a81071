public import Collectives
internal import Foundation
internal import MPIBackend

/// The communicator that all multi-rank suites of a test process share, since MPI starts only once.
///
/// Under mpirun it is MPI's, and `DP_TRAIN_EXPECTED_WORLD_SIZE` has to say how many ranks there should be, so that a
/// launcher that starts N separate worlds of one cannot pass. In a plain `swift test` it is that of a single process.
/// MPI is finalised when the process exits.
public enum MultiRankWorld {
    /// The number of ranks that the caller of the tests expects; 1 where nothing is said.
    public static let expectedSizeVariable = "DP_TRAIN_EXPECTED_WORLD_SIZE"

    private static let world = Result {
        let world = try World.start()
        // Without MPI_Finalize, mpirun calls the end of a successful rank improper.
        atexit { MultiRankWorld.finish() }
        let size = world.communicator.size
        let text = ProcessInfo.processInfo.environment[expectedSizeVariable]
        if text == nil, world.launcher == nil { return world }
        guard let text, let expected = Int(text), expected == size else {
            throw UnexpectedWorldSize(expected: text, found: size)
        }
        return world
    }

    /// The communicator of all ranks. Collective: every rank must call it, the first time on the main thread.
    ///
    /// - Throws: ``UnexpectedWorldSize``, or the error of MPI's start.
    public static func communicator() throws -> any Communicator {
        try world.get().communicator
    }

    private static func finish() {
        do {
            try MPIEnvironment.finalize()
        } catch {
            FileHandle.standardError.write(Data("finalising MPI: \(error)\n".utf8))
        }
    }
}

/// The tests run on another number of ranks than their caller expects.
public struct UnexpectedWorldSize: Error, CustomStringConvertible {
    /// The value of ``MultiRankWorld/expectedSizeVariable``.
    public let expected: String?
    /// The number of ranks.
    public let found: Int

    /// One line that names the variable.
    public var description: String {
        "\(MultiRankWorld.expectedSizeVariable) says \(expected ?? "nothing"), but the world has \(found) ranks"
    }
}
