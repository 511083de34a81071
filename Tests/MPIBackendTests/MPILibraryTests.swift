import MPIBackend
import Testing

@Suite struct MPILibraryTests {
    @Test(
        "Libraries are named with their version",
        arguments: [
            (
                "Open MPI v4.1.4, package: Debian OpenMPI, ident: 4.1.4, repo rev: v4.1.4, May 26, 2022",
                "Open MPI 4.1.4"
            ),
            ("Open MPI v5.0.0rc12, package: Open MPI", "Open MPI 5.0.0rc12"),
            ("MPICH Version:      4.0.2; MPICH Release date:  Thu Apr  7 12:34:45 CDT 2022", "MPICH 4.0.2"),
            ("MVAPICH2 Version      :\t2.3.7; MVAPICH2 Release date : Wed March 02", "MVAPICH2 2.3.7"),
            ("Intel(R) MPI Library 2021.12 for Linux* OS", "Intel(R) MPI Library 2021.12"),
            ("", "MPI"),
        ])
    func name(text: String, expected: String) {
        #expect(MPILibrary.name(fromVersionText: text) == expected)
    }

    @Test("An error's message names the call, the rank and the library's text")
    func errorText() {
        let error = MPIError(
            operation: "MPI_Bcast", rank: 3, code: 8, errorClass: 7, text: "MPI_ERR_ROOT: invalid root")
        #expect(error.description == "rank 3: MPI_Bcast failed: MPI_ERR_ROOT: invalid root (class 7, code 8)")
    }
}
