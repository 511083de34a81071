#include "CBenchmark.h"

// As many vectors as fit into 16 and into 32 registers besides the operands, and more than latency times throughput of
// every CPU known (4 to 5 cycles times 2 units).
#if defined(__clang__)
#define DP_UNROLL _Pragma("clang loop unroll(full)")
#else
#define DP_UNROLL _Pragma("GCC unroll 32")
#endif
#define DP_PEAK(name, target, bytes, sums)                                                      \
    typedef float name##_vector __attribute__((vector_size(bytes)));                            \
    target static uint64_t name(uint64_t rounds, float *sink) {                                 \
        name##_vector sum[sums];                                                                \
        name##_vector factor, term;                                                             \
        for (size_t i = 0; i < bytes / sizeof(float); i++) {                                    \
            factor[i] = 0.999f;                                                                 \
            term[i] = 0.001f;                                                                   \
        }                                                                                       \
        /* Not known to the compiler, so that it does not compute ahead. */                     \
        __asm__ volatile("" : "+m"(factor), "+m"(term));                                        \
        DP_UNROLL for (size_t s = 0; s < sums; s++) sum[s] = term * (float)s;                   \
        for (uint64_t round = 0; round < rounds; round++) {                                     \
            DP_UNROLL for (size_t s = 0; s < sums; s++) sum[s] = sum[s] * factor + term;        \
        }                                                                                       \
        name##_vector total = sum[0];                                                           \
        DP_UNROLL for (size_t s = 1; s < sums; s++) total += sum[s];                            \
        float result = 0;                                                                       \
        for (size_t i = 0; i < bytes / sizeof(float); i++) result += total[i];                  \
        *sink = result;                                                                         \
        return rounds * sums * (bytes / sizeof(float)) * 2;                                     \
    }

#if defined(__x86_64__)
DP_PEAK(peak_avx512, __attribute__((target("avx512f,avx2,fma"), min_vector_width(512))), 64, 24)
DP_PEAK(peak_avx2, __attribute__((target("avx2,fma"))), 32, 12)
DP_PEAK(peak_baseline, , 16, 12)
#else
DP_PEAK(peak_baseline, , 16, 24)
#endif

uint64_t dp_peak_f32(uint64_t rounds, float *sink) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f")) return peak_avx512(rounds, sink);
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return peak_avx2(rounds, sink);
#endif
    return peak_baseline(rounds, sink);
}
