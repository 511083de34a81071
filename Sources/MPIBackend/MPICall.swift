internal import CMPI
internal import Collectives
public import Foundation

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

extension CollectiveElementType {
    var mpi: MPI_Datatype {
        switch self {
        case .float: dp_mpi_float()
        case .double: dp_mpi_double()
        case .int32: dp_mpi_int32()
        case .int64: dp_mpi_int64()
        case .uint64: dp_mpi_uint64()
        case .uint8: dp_mpi_uint8()
        }
    }
}

extension ReductionOperation {
    var mpi: MPI_Op {
        switch self {
        case .sum: dp_mpi_sum()
        case .minimum: dp_mpi_min()
        case .maximum: dp_mpi_max()
        }
    }
}

/// An error code that a call of the MPI library returned.
public struct MPIError: Error, Equatable, CustomStringConvertible, LocalizedError {
    /// The MPI function that failed, such as `MPI_Bcast`.
    public let operation: String
    /// The rank on which it failed; -1 before ranks are known.
    public let rank: Int
    /// The code that it returned, which only this library understands.
    public let code: Int32
    /// The code's error class, which the standard defines.
    public let errorClass: Int32
    /// The library's text for the code.
    public let text: String

    /// An error of a call.
    public init(operation: String, rank: Int, code: Int32, errorClass: Int32, text: String) {
        self.operation = operation
        self.rank = rank
        self.code = code
        self.errorClass = errorClass
        self.text = text
    }

    /// One line: `rank 1: MPI_Bcast failed: MPI_ERR_ROOT: invalid root (class 7, code 8)`.
    public var description: String {
        (rank < 0 ? "" : "rank \(rank): ")
            + "\(operation) failed: \(text) (class \(errorClass), code \(code))"
    }

    /// The same as ``description``.
    public var errorDescription: String? { description }
}
