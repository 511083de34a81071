import Foundation

/// Programs for which /dev/shm is a small file system of their own.
struct SmallSharedMemory {
    /// What mount(8) takes as its size.
    let size: String

    static let isAvailable: Bool = {
        #if os(Linux)
        let outcome = try? SmallSharedMemory(size: "64k").run(["true"])
        return outcome?.status == 0
        #else
        return false
        #endif
    }()

    /// Runs a program found in PATH in a mount namespace of its own.
    func run(_ words: [String], timeLimit: Double = ProcessRunner.hangLimit) throws -> ProcessOutcome {
        let mount = "mount -t tmpfs -o size=\(size) tmpfs /dev/shm && exec \"$@\""
        return try ProcessRunner(
            executable: URL(filePath: "/usr/bin/env"),
            arguments: ["unshare", "--mount", "sh", "-c", mount, "sh"] + words,
            // Open MPI's own shared memory has to go elsewhere.
            environment: ["OMPI_MCA_btl_vader_backing_directory": "/tmp"], timeLimit: timeLimit
        ).run()
    }
}
