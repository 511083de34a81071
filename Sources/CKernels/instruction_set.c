#include "instruction_set.h"

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

#include "int8_kernels.h"
#include "targets.h"

#if defined(__aarch64__)
// Whether there are sums of four products of signed bytes: FEAT_DotProd, which all of Apple's CPUs for macOS have.
static int dp_may_use_dot_products(void) {
#if defined(__linux__)
    return getauxval(AT_HWCAP) >> 20 & 1;
#elif defined(__APPLE__)
    return 1;
#else
    return 0;
#endif
}
#endif

static dp_instruction_set dp_find_instruction_set(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("bmi") ||
        !__builtin_cpu_supports("bmi2"))
        return dp_baseline;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
        return dp_avx2;
    if (!__builtin_cpu_supports("avx512vnni")) return dp_avx512;
#if defined(DP_HAS_AMX)
    if (dp_may_use_amx()) return dp_amx;
#endif
    return dp_avx512_vnni;
#elif defined(__aarch64__)
    return dp_may_use_dot_products() ? dp_neon_dot : dp_baseline;
#else
    return dp_baseline;
#endif
}

// Several threads may find one of these unset at once: they all store the same.
static int best = -1, used = -1;

dp_instruction_set dp_best_instruction_set(void) {
    int set = __atomic_load_n(&best, __ATOMIC_RELAXED);
    if (set < 0) {
        set = dp_find_instruction_set();
        __atomic_store_n(&best, set, __ATOMIC_RELAXED);
    }
    return (dp_instruction_set)set;
}

dp_instruction_set dp_used_instruction_set(void) {
    int set = __atomic_load_n(&used, __ATOMIC_RELAXED);
    if (set < 0) {
        set = dp_best_instruction_set();
        __atomic_store_n(&used, set, __ATOMIC_RELAXED);
    }
    return (dp_instruction_set)set;
}

int dp_has_instruction_set(dp_instruction_set set) {
#if defined(__aarch64__)
    const int is_of_architecture = set == dp_baseline || set == dp_neon_dot;
#elif defined(__x86_64__)
    const int is_of_architecture = set <= dp_amx;
#else
    const int is_of_architecture = set == dp_baseline;
#endif
    return is_of_architecture && set <= dp_best_instruction_set();
}

void dp_use_instruction_set(dp_instruction_set set) {
    if (dp_has_instruction_set(set)) __atomic_store_n(&used, set, __ATOMIC_RELAXED);
}

int dp_baseline_is_slow(void) {
#if defined(DP_SOFTWARE_FMA)
    return 1;
#else
    return 0;
#endif
}
