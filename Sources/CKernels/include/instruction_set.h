// The one choice by which every kernel of this program is taken.
#ifndef DP_TRAIN_INSTRUCTION_SET_H
#define DP_TRAIN_INSTRUCTION_SET_H

// The instruction sets for which there are kernels, the better ones behind: what every CPU of the architecture has, those of
// x86-64, that of arm64. All kernels give the same bits.
typedef enum {
    dp_baseline = 0,
    dp_avx2,
    dp_avx2_vnni,
    dp_avx512,
    dp_avx512_vnni,
    dp_avx512_bf16,
    dp_amx,
    dp_neon_dot,
    dp_instruction_sets
} dp_instruction_set;

// The best one that this CPU and operating system have.
dp_instruction_set dp_best_instruction_set(void);
// The one in use; the best one at first.
dp_instruction_set dp_used_instruction_set(void);
// Whether this CPU has one.
int dp_has_instruction_set(dp_instruction_set set);
// Uses another one that this CPU has; for comparisons. Not while kernels run.
void dp_use_instruction_set(dp_instruction_set set);
// Whether the baseline fuses multiply-adds by software, as the CPUs that it is for need not have instructions for that.
int dp_baseline_is_slow(void);

#endif
