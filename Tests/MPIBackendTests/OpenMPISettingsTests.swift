import MPIBackend
import Testing

@Suite struct OpenMPISettingsTests {
    private let launcher = Launcher(name: "mpirun of Open MPI", worldSize: 4, rank: 0)

    private func additions(local: String, world: String, processors: Int, _ more: [String: String] = [:])
        -> [String: String]
    {
        let environment = ["OMPI_COMM_WORLD_LOCAL_SIZE": local, "OMPI_COMM_WORLD_SIZE": world]
        return OpenMPISettings.additions(
            environment: environment.merging(more) { $1 }, launcher: launcher, processorsOfNode: processors)
    }

    @Test("A job on one node does without fast networks")
    func oneNode() {
        #expect(additions(local: "4", world: "4", processors: 8) == ["OMPI_MCA_pml": "ob1"])
    }

    @Test("A job on several nodes chooses its network itself")
    func severalNodes() {
        #expect(additions(local: "4", world: "8", processors: 8) == [:])
    }

    @Test("More ranks than processors yield while they wait")
    func oversubscribed() {
        #expect(additions(local: "4", world: "8", processors: 2) == ["OMPI_MCA_mpi_yield_when_idle": "1"])
        #expect(additions(local: "4", world: "8", processors: 4) == [:])
    }

    @Test("What the user has set stays")
    func userSettings() {
        let user = ["OMPI_MCA_pml": "ucx", "OMPI_MCA_mpi_yield_when_idle": "0"]
        #expect(additions(local: "4", world: "4", processors: 2, user) == [:])
    }

    @Test("A process on its own starts no daemon")
    func alone() {
        let settings = OpenMPISettings.additions(environment: [:], launcher: nil, processorsOfNode: 2)
        #expect(settings == ["OMPI_MCA_ess_singleton_isolated": "1", "OMPI_MCA_pml": "ob1"])
    }

    @Test("Another launcher's job is left alone")
    func otherLauncher() {
        let environment = ["PMI_SIZE": "4", "PMI_RANK": "0"]
        #expect(
            OpenMPISettings.additions(environment: environment, launcher: launcher, processorsOfNode: 2)
                == [:])
    }
}
