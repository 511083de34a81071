#include "instruction_set.h"

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

#include "bfloat16_kernels.h"
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

// A bit for each set that this CPU and operating system have.
static unsigned dp_find_instruction_sets(void) {
    unsigned sets = 1u << dp_baseline;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("bmi") ||
        !__builtin_cpu_supports("bmi2"))
        return sets;
    sets |= 1u << dp_avx2;
    if (dp_may_use_avx2_vnni()) sets |= 1u << dp_avx2_vnni;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
        return sets;
    sets |= 1u << dp_avx512;
    if (!__builtin_cpu_supports("avx512vnni")) return sets;
    sets |= 1u << dp_avx512_vnni;
    if (__builtin_cpu_supports("avx512bf16") && dp_may_use_bfloat16_unit()) sets |= 1u << dp_avx512_bf16;
#if defined(DP_HAS_AMX)
    if (dp_may_use_amx()) sets |= 1u << dp_amx;
#endif
#elif defined(__aarch64__)
    if (dp_may_use_dot_products()) sets |= 1u << dp_neon_dot;
#endif
    return sets;
}

// Several threads may find one of these unset at once: they all store the same.
static unsigned available;
static int used = -1;

static unsigned dp_available_instruction_sets(void) {
    unsigned sets = __atomic_load_n(&available, __ATOMIC_RELAXED);
    if (sets == 0) {
        sets = dp_find_instruction_sets();
        __atomic_store_n(&available, sets, __ATOMIC_RELAXED);
    }
    return sets;
}

dp_instruction_set dp_best_instruction_set(void) {
    int best = dp_instruction_sets - 1;
    while (!(dp_available_instruction_sets() >> best & 1)) best--;
    return (dp_instruction_set)best;
}

dp_instruction_set dp_used_instruction_set(void) {
    int set = __atomic_load_n(&used, __ATOMIC_RELAXED);
    if (set < 0) {
        set = dp_best_instruction_set();
        __atomic_store_n(&used, set, __ATOMIC_RELAXED);
    }
    return (dp_instruction_set)set;
}

int dp_has_instruction_set(dp_instruction_set set) { return dp_available_instruction_sets() >> set & 1; }

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
