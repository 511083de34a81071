/// Settings of Open MPI that this package wants and that can only be made by environment variables before `MPI_Init`.
///
/// Other libraries ignore these variables.
package enum OpenMPISettings {
    /// The variables to add, with their values, none of which the user has set.
    ///
    /// - Parameters:
    ///   - environment: What the process was started with.
    ///   - launcher: Who started it.
    ///   - processorsOfNode: How many processors the ranks of this node share.
    package static func additions(
        environment: [String: String], launcher: Launcher?, processorsOfNode: Int
    ) -> [String: String] {
        var settings: [String: String] = [:]
        let localSize = environment["OMPI_COMM_WORLD_LOCAL_SIZE"].flatMap { Int($0) }
        let worldSize = environment["OMPI_COMM_WORLD_SIZE"].flatMap { Int($0) }
        if launcher == nil {
            // Without this a process on its own forks a daemon that would let it spawn others.
            settings["OMPI_MCA_ess_singleton_isolated"] = "1"
        }
        if launcher == nil || (localSize != nil && localSize == worldSize) {
            // ob1 carries shared memory; looking for fast networks, which one node does not use, takes longer than all the
            // rest of the start.
            settings["OMPI_MCA_pml"] = "ob1"
        }
        if let localSize, localSize > processorsOfNode {
            // A rank that spins keeps the one that it waits for from running. mpirun knows that only when it counts the
            // processors itself, not when a host file gives their number.
            settings["OMPI_MCA_mpi_yield_when_idle"] = "1"
        }
        return settings.filter { environment[$0.key] == nil }
    }
}
