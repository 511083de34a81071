/// What is fixed about CIFAR-10: 32 × 32 colour images of ten classes.
///
/// Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009;
/// https://www.cs.toronto.edu/~kriz/cifar.html
public enum CIFAR10 {
    /// Rows and columns of an image.
    public static let imageSide = 32
    /// Bytes of one colour plane: 32 × 32, row-major.
    public static let planeBytes = 1024
    /// Bytes of one image: the red, the green and the blue plane.
    public static let imageBytes = 3072
    /// Bytes of one record of the binary version: the label, then the image.
    public static let recordBytes = 3073
    /// The number of classes; labels are 0 to 9.
    public static let classCount = 10
    /// The names of the classes, by label.
    public static let classNames = [
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
    ]
    /// Mean of the red, green and blue pixels of the training images, of pixels / 255.
    public static let channelMean: [Float] = [0.491, 0.482, 0.447]
    /// Standard deviation of the red, green and blue pixels of the training images, of pixels / 255.
    public static let channelStandardDeviation: [Float] = [0.247, 0.243, 0.262]
    /// Records in each file of the official set.
    public static let officialRecordsPerFile = 10_000
    /// The folder of the binary version, as the official archive names it.
    public static let binaryFolder = "cifar-10-batches-bin"
    /// The folder of the python version, as the official archive names it.
    public static let pythonFolder = "cifar-10-batches-py"
    /// The official archive of the binary version.
    public static let binaryArchive = "cifar-10-binary.tar.gz"
    /// The official archive of the python version.
    public static let pythonArchive = "cifar-10-python.tar.gz"

    /// The number of records of a split of the official set: 50,000 and 10,000.
    public static func officialCount(of split: DatasetSplit) -> Int {
        batchNames(of: split).count * officialRecordsPerFile
    }

    /// The number of records of one class in a split of the official set: 5,000 and 1,000.
    public static func officialCountPerClass(of split: DatasetSplit) -> Int {
        officialCount(of: split) / classCount
    }

    /// The names of the files of a split in the order of their records, as the python version has them; the
    /// binary version adds `.bin`.
    public static func batchNames(of split: DatasetSplit) -> [String] {
        switch split {
        case .training: (1...5).map { "data_batch_\($0)" }
        case .test: ["test_batch"]
        }
    }
}
