import Collectives
import MPIBackend
import Testing

@Suite struct LauncherTests {
    @Test("A process on its own has no launcher")
    func alone() {
        #expect(Launcher.detect(environment: [:]) == nil)
        #expect(Launcher.detect(environment: ["PATH": "/bin", "SLURM_JOB_ID": "3"]) == nil)
    }

    @Test(
        "Each launcher is recognised with its size and rank",
        arguments: [
            ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "Open MPI"),
            ("PMI_SIZE", "PMI_RANK", "MPICH"),
            ("MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK", "MVAPICH"),
            ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "Slurm"),
        ])
    func recognised(size: String, rank: String, name: String) throws {
        let launcher = try #require(Launcher.detect(environment: [size: "4", rank: "3"]))
        #expect(launcher.worldSize == 4)
        #expect(launcher.rank == 3)
        #expect(launcher.name.contains(name))
        #expect(Launcher.variables.contains(size))
        #expect(Launcher.variables.contains(rank))
    }

    @Test("The innermost launcher counts")
    func innermost() throws {
        let environment = [
            "SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "1", "PMIX_RANK": "5",
            "OMPI_COMM_WORLD_SIZE": "8", "OMPI_COMM_WORLD_RANK": "5",
        ]
        let launcher = try #require(Launcher.detect(environment: environment))
        #expect(launcher.worldSize == 8)
        #expect(launcher.rank == 5)
    }

    @Test("PMIx alone tells the rank only")
    func pmix() throws {
        let launcher = try #require(Launcher.detect(environment: ["PMIX_RANK": "2"]))
        #expect(launcher.worldSize == nil)
        #expect(launcher.rank == 2)
    }

    @Test("Slurm's batch scripts and steps of one task are processes on their own")
    func slurmAlone() {
        #expect(Launcher.detect(environment: ["SLURM_PROCID": "0"]) == nil)
        #expect(Launcher.detect(environment: ["SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "1"]) == nil)
    }

    @Test("Values that are no numbers leave size and rank unknown")
    func malformed() throws {
        let environment = ["OMPI_COMM_WORLD_SIZE": "many", "OMPI_COMM_WORLD_RANK": "-1"]
        let launcher = try #require(Launcher.detect(environment: environment))
        #expect(launcher.worldSize == nil)
        #expect(launcher.rank == nil)
    }

    @Test("Processes of another MPI's launcher are refused, and one of them reports")
    func mismatch() throws {
        let errors = (0..<4).map { rank in
            let launcher = Launcher(name: "mpiexec of MPICH or Intel MPI", worldSize: 4, rank: rank)
            return #expect(throws: LauncherMismatch.self) {
                try LauncherMismatch.check(launcher: launcher, worldSize: 1, library: "Open MPI 4.1.4")
            }
        }
        #expect(errors.compactMap { $0 }.map(\.shouldReport) == [true, false, false, false])
        let text = try #require(errors[0]).description
        #expect(
            text
                == "started by mpiexec of MPICH or Intel MPI as 4 processes, but Open MPI 4.1.4 sees a world of 1: "
                + "use the mpirun of Open MPI 4.1.4")
    }

    @Test("Worlds that match their launcher are accepted")
    func match() throws {
        for (size, seen) in [(1, 1), (4, 4), (2, 8)] {
            let launcher = Launcher(name: "mpirun", worldSize: size, rank: 0)
            try LauncherMismatch.check(launcher: launcher, worldSize: seen, library: "Open MPI")
        }
        try LauncherMismatch.check(
            launcher: Launcher(name: "PMIx", worldSize: nil, rank: 0), worldSize: 1, library: "Open MPI")
        try LauncherMismatch.check(launcher: nil, worldSize: 1, library: "Open MPI")
    }

    @Test("A process without a launcher is a world of one without MPI")
    func singleWorld() throws {
        let world = try World.start(environment: [:])
        #expect(world.communicator is SingleProcessCommunicator)
        #expect(world.launcher == nil)
        try world.finish()
    }
}
