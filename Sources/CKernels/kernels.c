// Hands over to the kernels of the instruction set in use.

#include "kernels.h"

static const dp_kernels *const tables[dp_instruction_sets] = {
    [dp_baseline] = &dp_kernels_baseline,
#if defined(__x86_64__)
    [dp_avx2] = &dp_kernels_avx2,
    [dp_avx2_vnni] = &dp_kernels_avx2,
    [dp_avx512] = &dp_kernels_avx512,
    [dp_avx512_vnni] = &dp_kernels_avx512,
    [dp_avx512_bf16] = &dp_kernels_avx512,
    [dp_amx] = &dp_kernels_avx512,
#elif defined(__aarch64__)
    [dp_neon_dot] = &dp_kernels_baseline,
#endif
};

#define DP_DISPATCH(result, name, parameters, arguments)                          \
    result dp_##name(dp_precision precision, DP_PARAMETERS parameters) {          \
        const dp_kernels *kernels = tables[dp_used_instruction_set()];            \
        if (precision == dp_float32) return kernels->f32.name arguments;          \
        return kernels->f64.name arguments;                                       \
    }
DP_KERNELS(DP_DISPATCH, void, double)
