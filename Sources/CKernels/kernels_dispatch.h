// Included by kernels_f32.c and kernels_f64.c: the kernels of all instruction sets, and the functions that hand over to
// those in use. No include guard on purpose.

#if defined(__x86_64__)
#define DP_TARGET __attribute__((target(DP_AVX512_FEATURES)))
#define DP_FN(name) DP_NAME(name##_avx512)
#include "kernels_template.h"
#undef DP_TARGET
#undef DP_FN

#define DP_TARGET __attribute__((target(DP_AVX2_FEATURES)))
#define DP_FN(name) DP_NAME(name##_avx2)
#include "kernels_template.h"
#undef DP_TARGET
#undef DP_FN
#endif

#define DP_TARGET
#define DP_FN(name) DP_NAME(name##_baseline)
#include "kernels_template.h"
#undef DP_TARGET
#undef DP_FN

#if defined(__x86_64__)
#define DP_KERNEL(type, name, parameters, arguments)            \
    type DP_NAME(name) parameters {                             \
        switch (dp_used_instruction_set()) {                    \
        case dp_avx512: return DP_NAME(name##_avx512) arguments; \
        case dp_avx2: return DP_NAME(name##_avx2) arguments;    \
        default: return DP_NAME(name##_baseline) arguments;     \
        }                                                       \
    }
#else
#define DP_KERNEL(type, name, parameters, arguments) \
    type DP_NAME(name) parameters { return DP_NAME(name##_baseline) arguments; }
#endif
#include "kernels_interface.h"
#undef DP_KERNEL
