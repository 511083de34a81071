#include "int8_dot_plain.h"
#include "int8_packing.h"
#include "int8_gemm.h"

const dp_int8_kernels dp_int8_plain = {DP_INT8_KERNELS(DP_INT8_ENTRY)};
