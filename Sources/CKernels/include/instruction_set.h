// The instruction set that all kernels of this program are chosen by, element-wise ones and products alike.
#ifndef DP_TRAIN_INSTRUCTION_SET_H
#define DP_TRAIN_INSTRUCTION_SET_H

// The instruction sets for which there are kernels. Those but the baseline of x86-64 fuse multiply-adds.
typedef enum { dp_baseline = 0, dp_avx2 = 1, dp_avx512 = 2 } dp_instruction_set;

// What kernels are compiled with, and a CPU must have: what __attribute__((target)) names, dp_best_instruction_set looks for.
#define DP_AVX2_FEATURES "avx2,fma,bmi,bmi2"
#define DP_AVX512_FEATURES "avx512f,avx512bw,avx512dq,avx512vl," DP_AVX2_FEATURES

// The best one that this CPU and operating system have.
dp_instruction_set dp_best_instruction_set(void);
// The one in use; the best one at first.
dp_instruction_set dp_used_instruction_set(void);
// Uses another one, at most the best; for comparisons. Not while kernels run.
void dp_use_instruction_set(dp_instruction_set set);

#endif
