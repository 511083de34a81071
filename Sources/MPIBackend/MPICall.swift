internal import CMPI

/// Checks what MPI functions return and reads their texts.
enum MPICall {
    /// Throws unless a call returned `MPI_SUCCESS`.
    static func check(_ code: Int32, _ operation: String, rank: Int = -1) throws {
        guard code != dp_mpi_success() else { return }
        var errorClass = code
        MPI_Error_class(code, &errorClass)
        let text = text(capacity: dp_mpi_max_error_string()) { MPI_Error_string(code, $0, $1) }
        throw MPIError(
            operation: operation, rank: rank, code: code, errorClass: errorClass,
            text: text ?? "unknown error")
    }

    /// The text that a function writes, on one line; nil if it fails.
    static func text(
        capacity: Int32, _ function: (UnsafeMutablePointer<CChar>, UnsafeMutablePointer<Int32>) -> Int32
    ) -> String? {
        var length: Int32 = 0
        let bytes = [CChar](unsafeUninitializedCapacity: Int(capacity) + 1) { room, count in
            guard let start = room.baseAddress, function(start, &length) == dp_mpi_success() else { return }
            count = min(max(Int(length), 0), Int(capacity))
        }
        guard !bytes.isEmpty else { return nil }
        let text = String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return text.split(whereSeparator: \.isNewline).joined(separator: "; ")
    }

    /// The library's own description of itself.
    static var libraryVersion: String {
        text(capacity: dp_mpi_max_library_version_string()) { MPI_Get_library_version($0, $1) } ?? "MPI"
    }

    /// Which threads may call the library; only the main one where it does not say.
    static var providedThreadSupport: ThreadSupport {
        var code: Int32 = 0
        guard MPI_Query_thread(&code) == dp_mpi_success() else { return .funneled }
        return ThreadSupport.allCases.last { $0.code <= code } ?? .single
    }

    /// The name of the node, as the library gives it.
    static func processorName(rank: Int) throws -> String {
        var status: Int32 = dp_mpi_success()
        let name = text(capacity: dp_mpi_max_processor_name()) {
            status = MPI_Get_processor_name($0, $1)
            return status
        }
        try check(status, "MPI_Get_processor_name", rank: rank)
        return name ?? ""
    }
}
