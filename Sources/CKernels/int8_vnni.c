#if defined(__x86_64__)
#include "targets.h"

#define DP_TARGET __attribute__((target(DP_VNNI_FEATURES), min_vector_width(512)))
#include "int8_dot_vnni.h"
#include "int8_rounding.h"
#include "int8_slices.h"
#include "int8_bytes.h"

const dp_int8_kernels dp_int8_vnni = {DP_INT8_KERNELS(DP_INT8_ENTRY) DP_BYTES_KERNELS(DP_BYTES_ENTRY)};

#endif
