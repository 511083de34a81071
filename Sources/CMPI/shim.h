#ifndef DP_TRAIN_CMPI_SHIM_H
#define DP_TRAIN_CMPI_SHIM_H

#include <mpi.h>

// Swift does not import macros that are casts; each becomes a function here.

// A handle is a pointer that may be null, which Swift imports as an optional, or an integer, according to the library;
// inside a structure it can be stored alike.
typedef struct {
    MPI_Comm handle;
} dp_mpi_communicator;

typedef struct {
    MPI_Request handle;
} dp_mpi_request;

static inline MPI_Comm dp_mpi_comm_world(void) { return MPI_COMM_WORLD; }
static inline MPI_Comm dp_mpi_comm_null(void) { return MPI_COMM_NULL; }
static inline MPI_Info dp_mpi_info_null(void) { return MPI_INFO_NULL; }
static inline MPI_Errhandler dp_mpi_errors_return(void) { return MPI_ERRORS_RETURN; }
static inline const void *dp_mpi_in_place(void) { return MPI_IN_PLACE; }
static inline MPI_Request dp_mpi_request_null(void) { return MPI_REQUEST_NULL; }
static inline MPI_Status *dp_mpi_status_ignore(void) { return MPI_STATUS_IGNORE; }

static inline MPI_Datatype dp_mpi_float(void) { return MPI_FLOAT; }
static inline MPI_Datatype dp_mpi_double(void) { return MPI_DOUBLE; }
static inline MPI_Datatype dp_mpi_int32(void) { return MPI_INT32_T; }
static inline MPI_Datatype dp_mpi_int64(void) { return MPI_INT64_T; }
static inline MPI_Datatype dp_mpi_uint64(void) { return MPI_UINT64_T; }
static inline MPI_Datatype dp_mpi_uint8(void) { return MPI_UINT8_T; }
static inline MPI_Datatype dp_mpi_byte(void) { return MPI_BYTE; }

static inline MPI_Op dp_mpi_sum(void) { return MPI_SUM; }
static inline MPI_Op dp_mpi_min(void) { return MPI_MIN; }
static inline MPI_Op dp_mpi_max(void) { return MPI_MAX; }

// These are macros or enumerators, according to the library.

static inline int dp_mpi_success(void) { return MPI_SUCCESS; }
static inline int dp_mpi_comm_type_shared(void) { return MPI_COMM_TYPE_SHARED; }
static inline int dp_mpi_thread_single(void) { return MPI_THREAD_SINGLE; }
static inline int dp_mpi_thread_funneled(void) { return MPI_THREAD_FUNNELED; }
static inline int dp_mpi_thread_serialized(void) { return MPI_THREAD_SERIALIZED; }
static inline int dp_mpi_thread_multiple(void) { return MPI_THREAD_MULTIPLE; }
static inline int dp_mpi_max_error_string(void) { return MPI_MAX_ERROR_STRING; }
static inline int dp_mpi_max_processor_name(void) { return MPI_MAX_PROCESSOR_NAME; }
static inline int dp_mpi_max_library_version_string(void) { return MPI_MAX_LIBRARY_VERSION_STRING; }

#endif
