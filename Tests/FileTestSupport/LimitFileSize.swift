internal import Foundation

/// Makes every write beyond `size` bytes of a file fail with EFBIG: for child processes only.
///
/// - Throws: `CocoaError` if the system does not let the limit be set.
public func limitFileSize(to size: Int) throws {
    // Without this the process would be killed instead.
    signal(SIGXFSZ, SIG_IGN)
    #if canImport(Glibc)
    let resource = __rlimit_resource_t(RLIMIT_FSIZE.rawValue)
    #else
    let resource = RLIMIT_FSIZE
    #endif
    var limit = rlimit()
    guard getrlimit(resource, &limit) == 0 else { throw CocoaError(.featureUnsupported) }
    // The hard limit stays, so that the soft one can be raised again.
    limit.rlim_cur = rlim_t(size)
    guard setrlimit(resource, &limit) == 0 else { throw CocoaError(.featureUnsupported) }
}
