extension ImageFormat {
    /// CIFAR-10: 32 × 32 colour images of ten classes.
    public static let cifar10 = ImageFormat(
        name: "CIFAR-10", channels: 3, height: 32, width: 32,
        classNames: [
            "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
        ],
        mean: [0.491, 0.482, 0.447], standardDeviation: [0.247, 0.243, 0.262])
}

extension CIFARSet {
    /// CIFAR-10: six files of 10,000 records of 3,073 bytes.
    public static let cifar10 = CIFARSet(
        word: "cifar10", format: .cifar10, trainingFiles: (1...5).map { "data_batch_\($0)" },
        testFile: "test_batch",
        officialTrainingCount: 10_000, labelBytes: 1, labelKey: "labels",
        classNamesFile: "batches.meta.txt", otherFiles: ["batches.meta", "readme.html"],
        binary: Publication(
            folder: "cifar-10-batches-bin", archive: "cifar-10-binary.tar.gz",
            md5: "c32a1d4ab5d03f1284b67883e8d87530"),
        python: Publication(
            folder: "cifar-10-batches-py", archive: "cifar-10-python.tar.gz",
            md5: "c58f30108f718f92721af3b95e74349a"))
}
