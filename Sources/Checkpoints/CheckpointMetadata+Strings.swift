extension CheckpointMetadata {
    private static let additionalPrefix = "additional."

    /// The metadata as it stands in the safetensors header.
    var strings: [String: String] {
        var strings = [
            "format_version": "\(formatVersion)",
            "configuration": configuration,
            "logical_shards": "\(logicalShards)",
            "epoch": "\(position.epoch)",
            "step": "\(position.step)",
            "step_in_epoch": "\(position.stepInEpoch)",
            "data_fingerprint": dataFingerprint,
            "kernels": kernels,
            "world_size": "\(worldSize)",
            "tensors_sha256": tensorsSHA256,
            "program_version": programVersion,
        ]
        if let best = bestValidation {
            strings["best_validation_epoch"] = "\(best.epoch)"
            strings["best_validation_step"] = "\(best.step)"
            // Swift writes the shortest decimals that read back as the same number.
            strings["best_validation_accuracy"] = "\(best.accuracy)"
            strings["best_validation_loss"] = "\(best.loss)"
        }
        for (key, value) in additional { strings[Self.additionalPrefix + key] = value }
        return strings
    }

    /// Reads the metadata from a safetensors header, of the current format version.
    init(strings: [String: String]) throws(MetadataFieldError) {
        func value<Value: LosslessStringConvertible>(_ key: String) throws(MetadataFieldError) -> Value {
            guard let text = strings[key] else { throw MetadataFieldError(key: key, found: nil) }
            guard let value = Value(text) else { throw MetadataFieldError(key: key, found: text) }
            return value
        }
        func count(_ key: String) throws(MetadataFieldError) -> Int {
            let count: Int = try value(key)
            guard count >= 0 else { throw MetadataFieldError(key: key, found: "\(count)") }
            return count
        }
        self.init(
            configuration: try value("configuration"),
            logicalShards: try count("logical_shards"),
            position: Position(
                epoch: try count("epoch"), step: try count("step"), stepInEpoch: try count("step_in_epoch")),
            dataFingerprint: try value("data_fingerprint"),
            kernels: try value("kernels"),
            worldSize: try count("world_size"),
            programVersion: try value("program_version"))
        formatVersion = try count("format_version")
        tensorsSHA256 = try value("tensors_sha256")
        if strings.keys.contains(where: { $0.hasPrefix("best_validation_") }) {
            bestValidation = BestValidation(
                epoch: try count("best_validation_epoch"), step: try count("best_validation_step"),
                accuracy: try value("best_validation_accuracy"), loss: try value("best_validation_loss"))
        }
        for (key, value) in strings where key.hasPrefix(Self.additionalPrefix) {
            additional[String(key.dropFirst(Self.additionalPrefix.count))] = value
        }
    }
}

/// A field of the metadata that is missing or not what it should be.
struct MetadataFieldError: Error, CustomStringConvertible {
    let key: String
    let found: String?

    var description: String {
        found.map { "metadata \(key): found \"\($0.prefix(40))\", which is not a value it can have" }
            ?? "metadata \(key): expected a value, found none"
    }
}
