internal import Collectives
internal import Datasets
internal import Tensors

/// How the first layer's products are computed, on all ranks alike.
enum PixelPrecision {
    /// The bytes of a number in a product with pixels, or nil for Float products: as the configuration says, if all ranks'
    /// CPUs have a unit for products of bytes. Collective: every rank must call it.
    ///
    /// - Throws: The communicator's error.
    static func digits(
        of configuration: TrainingConfiguration, over communicator: any Communicator
    ) throws -> Int? {
        let isPossible =
            DigitUnit.best != nil && configuration.batchSize <= DigitSamples.largestBatch
            && DigitWeights.areSupported(
                columns: CIFAR10.imageBytes, planes: CIFAR10.channelMean.count)
        let digits = isPossible ? configuration.matmulPrecision?.digits ?? 0 : 0
        let agreed = Int(try communicator.allreduce(Int64(digits), .minimum))
        return agreed == 0 ? nil : agreed
    }
}
