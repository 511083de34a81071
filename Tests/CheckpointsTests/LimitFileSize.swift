import Foundation

/// Makes every write beyond `size` bytes of a file fail with EFBIG: for child processes only.
func limitFileSize(to size: Int) throws {
    // Without this the process would be killed instead.
    signal(SIGXFSZ, SIG_IGN)
    var limit = rlimit(rlim_cur: rlim_t(size), rlim_max: rlim_t(size))
    #if canImport(Glibc)
    let result = setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
    #else
    let result = setrlimit(RLIMIT_FSIZE, &limit)
    #endif
    guard result == 0 else { throw CocoaError(.featureUnsupported) }
}
