/// The names a pickle may refer to; nothing of them is ever run.
enum PickleGlobal: String {
    case reconstruct = "numpy.core.multiarray._reconstruct"
    case fromBuffer = "numpy.core.numeric._frombuffer"
    case array = "numpy.ndarray"
    case dataType = "numpy.dtype"
    case encode = "_codecs.encode"

    /// - Parameters:
    ///   - module: As the pickle has it; numpy 2 has renamed `numpy.core` to `numpy._core`.
    ///   - name: The name within the module.
    init?(module: String, name: String) {
        let renamed = "numpy._core."
        let module = module.hasPrefix(renamed) ? "numpy.core." + module.dropFirst(renamed.count) : module
        self.init(rawValue: module + "." + name)
    }
}
