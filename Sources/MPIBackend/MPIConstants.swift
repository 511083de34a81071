internal import CMPI
internal import Collectives

extension CollectiveElementType {
    var mpi: MPI_Datatype {
        switch self {
        case .float: dp_mpi_float()
        case .double: dp_mpi_double()
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
