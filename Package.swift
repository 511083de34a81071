// swift-tools-version: 6.2
import Foundation
import PackageDescription

/// `DP_TRAIN_MPI=mpich` builds against MPICH instead of Open MPI.
let mpiPackage = ProcessInfo.processInfo.environment["DP_TRAIN_MPI"] == "mpich" ? "mpich" : "ompi-c"

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")

let package = Package(
    name: "dp-train",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "dp-train", targets: ["dp-train"]),
        .executable(name: "dp-train-benchmark", targets: ["dp-train-benchmark"]),
        .library(name: "Threads", targets: ["Threads"]),
        .library(name: "Tensors", targets: ["Tensors"]),
        .library(name: "OpenBLAS", targets: ["OpenBLAS"]),
        .library(name: "MLPEngine", targets: ["MLPEngine"]),
        .library(name: "Autograd", targets: ["Autograd"]),
        .library(name: "Datasets", targets: ["Datasets"]),
        .library(name: "Collectives", targets: ["Collectives"]),
        .library(name: "MPIBackend", targets: ["MPIBackend"]),
        .library(name: "DataParallel", targets: ["DataParallel"]),
        .library(name: "Checkpoints", targets: ["Checkpoints"]),
        .library(name: "Metrics", targets: ["Metrics"]),
        .library(name: "ZstdFrames", targets: ["ZstdFrames"]),
        .library(name: "DurableFiles", targets: ["DurableFiles"]),
        .library(name: "Digests", targets: ["Digests"]),
        .library(name: "Images", targets: ["Images"]),
        .library(name: "Whitening", targets: ["Whitening"]),
        .library(name: "Training", targets: ["Training"]),
        .library(name: "Curvature", targets: ["Curvature"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    ],
    targets: [
        // The layers of the product, from the command line down; a target imports only what stands below it.
        .executableTarget(
            name: "dp-train",
            dependencies: [
                "CommandLineSupport", "Preflight", "Studies", "Verification", "Reports", "Plotting",
                "Supervision",
                "Training",
                "Checkpoints", "Metrics", "DataParallel", "DurableFiles", "MPIBackend", "Collectives",
                "Datasets", "Images", "MLPEngine", "Tensors", "Whitening", arguments,
            ],
            swiftSettings: settings),
        // Beside it: what measures, so that nothing of this is in the program that trains.
        .executableTarget(
            name: "dp-train-benchmark",
            dependencies: [
                "CommandLineSupport", "Benchmarks", "Training", "DataParallel", "MPIBackend", "Collectives",
                "Tensors", arguments,
            ],
            swiftSettings: settings),
        .target(
            name: "Supervision",
            dependencies: ["Training", "Checkpoints", "DurableFiles", "CSystemCalls"],
            swiftSettings: settings),
        .target(
            name: "Benchmarks",
            dependencies: [
                "Training", "DataParallel", "Collectives", "Datasets", "MLPEngine", "OpenBLAS", "Tensors",
                "CBenchmark",
            ],
            swiftSettings: settings),
        .target(
            name: "CommandLineSupport",
            dependencies: [
                "Training", "DataParallel", "Checkpoints", "MPIBackend", "Collectives", "Tensors", "Threads",
                arguments,
            ],
            swiftSettings: settings),
        .target(
            name: "Preflight",
            dependencies: [
                "Verification", "Training", "DataParallel", "DurableFiles", "Digests", "Collectives",
                "Datasets",
                "MLPEngine", "OpenBLAS", "Tensors", "SystemLimits",
            ],
            swiftSettings: settings),
        .target(
            name: "Studies",
            dependencies: [
                "Curvature", "Reports", "Plotting", "Training", "Checkpoints", "Metrics", "DurableFiles",
                "Collectives", "Datasets", "MLPEngine",
            ],
            swiftSettings: settings),
        .target(
            name: "Verification",
            dependencies: [
                "Training", "Checkpoints", "Metrics", "DataParallel", "Collectives", "Datasets", "MLPEngine",
                "Autograd", "Tensors",
            ],
            swiftSettings: settings),
        .target(
            name: "Curvature",
            dependencies: [
                "Training", "Checkpoints", "Collectives", "Datasets", "MLPEngine", "Tensors",
            ],
            swiftSettings: settings),
        .target(
            name: "Training",
            dependencies: [
                "SystemLimits",
                "Checkpoints", "Metrics", "DurableFiles", "DataParallel", "Collectives", "Datasets",
                "Images", "MLPEngine", "Tensors", "Threads", "Whitening",
            ],
            swiftSettings: settings),
        .target(
            name: "Whitening",
            dependencies: ["Checkpoints", "Collectives", "Datasets", "Digests", "DurableFiles", "Tensors"],
            swiftSettings: settings),
        .target(
            name: "Checkpoints",
            dependencies: ["SystemLimits", "ZstdFrames", "DurableFiles", "Digests", "Threads"],
            swiftSettings: settings),
        .target(
            name: "Metrics", dependencies: ["ZstdFrames", "DurableFiles", "Images"], swiftSettings: settings),
        .target(
            name: "ZstdFrames", dependencies: ["SystemLimits", "CZstd", "DurableFiles"],
            swiftSettings: settings),
        .target(name: "DurableFiles", dependencies: [system], swiftSettings: settings),
        .target(
            name: "Digests",
            dependencies: [.target(name: "CLibcrypto", condition: .when(platforms: [.linux]))],
            swiftSettings: settings),
        .target(
            name: "Images", dependencies: ["SystemLimits", "DurableFiles", "CPNG"], swiftSettings: settings),
        .target(
            name: "DataParallel", dependencies: ["Collectives", "MLPEngine", "Tensors"],
            swiftSettings: settings),
        .target(
            name: "MPIBackend", dependencies: ["Collectives", "Threads", "CSystemCalls", "CMPI"],
            swiftSettings: settings),
        .target(
            name: "Collectives", dependencies: ["SystemLimits", "Threads", "CSystemCalls"],
            swiftSettings: settings),
        .target(
            name: "Datasets",
            dependencies: ["SystemLimits", "DurableFiles", "Digests", "Tensors", "CZlib"],
            swiftSettings: settings),
        .target(name: "MLPEngine", dependencies: ["OpenBLAS", "Tensors"], swiftSettings: settings),
        .target(
            name: "Reports",
            dependencies: [
                "Plotting", "Images", "Training", "Checkpoints", "Metrics", "ZstdFrames", "DurableFiles",
                "Datasets",
            ],
            swiftSettings: settings),
        // Charts as SVG; knows nothing of training.
        .target(name: "Plotting", swiftSettings: settings),
        // Stands alone, so that it can judge the engine's gradients.
        .target(name: "Autograd", swiftSettings: settings),
        .target(
            name: "OpenBLAS", dependencies: ["Tensors", "COpenBLAS"],
            swiftSettings: settings),
        .target(
            name: "Tensors", dependencies: ["Threads", "CKernels"],
            swiftSettings: settings),
        .target(name: "Threads", dependencies: ["CSystemCalls"], swiftSettings: settings),
        .target(name: "SystemLimits", swiftSettings: settings),

        // C: all loops over numbers, what Swift cannot ask of the system, what only the benchmark needs, system
        // libraries.
        .target(name: "CKernels"),
        .target(name: "CSystemCalls"),
        .target(name: "CBenchmark"),
        .systemLibrary(
            name: "CMPI", pkgConfig: mpiPackage,
            providers: [.apt(["libopenmpi-dev", "openmpi-bin"]), .brew(["open-mpi"])]),
        .systemLibrary(
            name: "COpenBLAS", pkgConfig: "openblas",
            providers: [.apt(["libopenblas-dev"]), .brew(["openblas"])]),
        .systemLibrary(
            name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"]), .brew(["zstd"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
        .systemLibrary(
            name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"]), .brew(["libpng"])]),
        // On Apple's systems CryptoKit is in its place.
        .systemLibrary(name: "CLibcrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),

        // Unit tests, multi-rank suites (XCTest, under mpirun), end-to-end tests of the built executable.
        .target(
            name: "MultiRankSupport", dependencies: ["MPIBackend", "Collectives"],
            path: "Tests/MultiRankSupport",
            swiftSettings: settings),
        .target(
            name: "CollectivesTesting", dependencies: ["Collectives", "Threads"],
            path: "Tests/CollectivesTesting", swiftSettings: settings),
        .target(
            name: "TensorTestSupport", dependencies: ["Tensors"], path: "Tests/TensorTestSupport",
            swiftSettings: settings),
        // The textbook's products, losses and single pass, to which training is compared.
        .target(
            name: "MLPReference", dependencies: ["MLPEngine", "Tensors"], path: "Tests/MLPReference",
            swiftSettings: settings),
        .target(name: "FileTestSupport", path: "Tests/FileTestSupport", swiftSettings: settings),
        .target(
            name: "ArchiveTestSupport", dependencies: ["CZlib"], path: "Tests/ArchiveTestSupport",
            swiftSettings: settings),
        .target(name: "LoopbackSupport", path: "Tests/LoopbackSupport", swiftSettings: settings),
        .target(
            name: "TileEmulation", dependencies: ["CKernels"], path: "Tests/TileEmulation",
            cSettings: [.headerSearchPath("../../Sources/CKernels")]),
        .testTarget(name: "SystemLimitsTests", dependencies: ["SystemLimits"], swiftSettings: settings),
        .testTarget(name: "ThreadsTests", dependencies: ["Threads"], swiftSettings: settings),
        .testTarget(name: "PlottingTests", dependencies: ["Plotting"], swiftSettings: settings),
        .testTarget(
            name: "ReportsTests",
            dependencies: [
                "Reports", "Plotting", "Training", "Metrics", "DataParallel", "Datasets", "MLPEngine",
                "FileTestSupport",
            ],
            swiftSettings: settings),
        .testTarget(name: "AutogradTests", dependencies: ["Autograd"], swiftSettings: settings),
        .testTarget(
            name: "TensorsTests",
            dependencies: ["Tensors", "OpenBLAS", "TensorTestSupport", "TileEmulation", "CBenchmark"],
            swiftSettings: settings),
        .testTarget(
            name: "MLPEngineTests",
            dependencies: ["Autograd", "MLPEngine", "MLPReference", "Tensors", "TensorTestSupport"],
            exclude: ["Fixtures"], swiftSettings: settings),
        .testTarget(
            name: "DatasetsTests",
            dependencies: [
                "Datasets", "Tensors", "DurableFiles", "Digests", "CZlib", "ArchiveTestSupport",
                "LoopbackSupport",
            ],
            resources: [.copy("Fixtures")], swiftSettings: settings),
        .testTarget(
            name: "CollectivesTests", dependencies: ["Collectives", "CollectivesTesting"],
            swiftSettings: settings),
        .testTarget(
            name: "MPIBackendTests",
            dependencies: ["MPIBackend", "Collectives", "MultiRankSupport", "CollectivesTesting"],
            swiftSettings: settings),
        .testTarget(
            name: "DurableFilesTests", dependencies: ["DurableFiles", "FileTestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "ImagesTests", dependencies: ["Images", "DurableFiles", "FileTestSupport"],
            swiftSettings: settings),
        .testTarget(name: "DigestsTests", dependencies: ["Digests"], swiftSettings: settings),
        .testTarget(
            name: "ZstdFramesTests", dependencies: ["ZstdFrames", "DurableFiles", "FileTestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "CheckpointsTests",
            dependencies: ["Checkpoints", "ZstdFrames", "DurableFiles", "FileTestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "MetricsTests",
            dependencies: ["Metrics", "ZstdFrames", "DurableFiles", "Images", "FileTestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "DataParallelTests",
            dependencies: [
                "DataParallel", "MLPEngine", "MLPReference", "Collectives", "Tensors", "TensorTestSupport",
                "CollectivesTesting", "MultiRankSupport",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "TrainingTests",
            dependencies: [
                "Training", "Checkpoints", "Metrics", "DataParallel", "Collectives", "Datasets", "Images",
                "MLPEngine", "Tensors", "Whitening", "ZstdFrames", "FileTestSupport", "MultiRankSupport",
                "CollectivesTesting",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "WhiteningTests",
            dependencies: [
                "Whitening", "Collectives", "Datasets", "Tensors", "CollectivesTesting", "FileTestSupport",
                "MultiRankSupport",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "CurvatureTests",
            dependencies: [
                "Curvature", "Training", "Checkpoints", "Metrics", "DataParallel", "Collectives", "Datasets",
                "MLPEngine", "Autograd", "Tensors", "MultiRankSupport", "CollectivesTesting",
                "FileTestSupport",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "SupervisionTests", dependencies: ["Supervision", "Training", "FileTestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "StudiesTests",
            dependencies: [
                "Studies", "Reports", "Plotting", "Training", "Metrics", "Datasets", "Collectives",
                "FileTestSupport", "CollectivesTesting",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "VerificationTests",
            dependencies: [
                "Verification", "Training", "Collectives", "DataParallel", "MLPEngine", "Tensors",
                "MultiRankSupport", "CollectivesTesting",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "PreflightTests",
            dependencies: [
                "Preflight", "Training", "DataParallel", "Collectives", "Datasets", "MLPEngine",
                "SystemLimits",
                "Tensors", "CollectivesTesting", "FileTestSupport",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "BenchmarksTests",
            dependencies: [
                "Benchmarks", "CollectivesTesting", "MultiRankSupport", "Collectives", "DataParallel",
                "Training",
            ],
            swiftSettings: settings),
        // The parsers under inputs made to break them, in processes of their own, and the test that runs it.
        .executableTarget(
            name: "dp-train-fuzz",
            dependencies: [
                "Training", "Checkpoints", "Metrics", "DurableFiles", "ZstdFrames", "DataParallel",
                "Collectives", "Datasets", "Images", "MLPEngine", "Tensors", "FileTestSupport",
                "ArchiveTestSupport",
            ],
            path: "Tests/Fuzzer", swiftSettings: settings),
        .testTarget(
            name: "FuzzTests", dependencies: ["dp-train-fuzz", "FileTestSupport"], swiftSettings: settings),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "dp-train", "dp-train-benchmark", "Verification", "Training", "Datasets", "Images",
                "FileTestSupport", "LoopbackSupport",
            ],
            exclude: ["Fixtures"], swiftSettings: settings),
    ]
)
