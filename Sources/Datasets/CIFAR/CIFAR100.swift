extension ImageFormat {
    /// CIFAR-100 with its fine labels: 32 × 32 colour images of a hundred classes.
    public static let cifar100 = ImageFormat(
        name: "CIFAR-100", channels: 3, height: 32, width: 32,
        classNames: [
            "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle",
            "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle",
            "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch", "crab", "crocodile", "cup",
            "dinosaur",
            "dolphin", "elephant", "flatfish", "forest", "fox", "girl", "hamster", "house", "kangaroo",
            "keyboard",
            "lamp", "lawn_mower", "leopard", "lion", "lizard", "lobster", "man", "maple_tree", "motorcycle",
            "mountain", "mouse", "mushroom", "oak_tree", "orange", "orchid", "otter", "palm_tree", "pear",
            "pickup_truck", "pine_tree", "plain", "plate", "poppy", "porcupine", "possum", "rabbit",
            "raccoon",
            "ray", "road", "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper", "snail",
            "snake", "spider", "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank",
            "telephone",
            "television", "tiger", "tractor", "train", "trout", "tulip", "turtle", "wardrobe", "whale",
            "willow_tree", "wolf", "woman", "worm",
        ],
        mean: [0.507, 0.487, 0.441], standardDeviation: [0.267, 0.256, 0.276])
}

extension CIFARSet {
    /// CIFAR-100: a file of 50,000 and one of 10,000 records of 3,074 bytes, the coarse label first, then the fine one.
    public static let cifar100 = CIFARSet(
        word: "cifar100", format: .cifar100, trainingFiles: ["train"], testFile: "test",
        officialTrainingCount: 50_000, labelBytes: 2, labelKey: "fine_labels",
        classNamesFile: "fine_label_names.txt", otherFiles: ["coarse_label_names.txt", "meta"],
        binary: Publication(
            folder: "cifar-100-binary", archive: "cifar-100-binary.tar.gz",
            md5: "03b5dce01913d631647c71ecec9e9cb8"),
        python: Publication(
            folder: "cifar-100-python", archive: "cifar-100-python.tar.gz",
            md5: "eb9058c3a382ffc7106e4002c42a8d85"))
}
