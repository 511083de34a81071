#include "instruction_set.h"

#include "int8_kernels.h"
#include "targets.h"

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

void dp_use_instruction_set(dp_instruction_set set) {
    const dp_instruction_set most = dp_best_instruction_set();
    __atomic_store_n(&used, set < most ? set : most, __ATOMIC_RELAXED);
}
