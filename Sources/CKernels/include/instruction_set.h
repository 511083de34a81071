// The one choice by which every kernel of this program is taken.
#ifndef DP_TRAIN_INSTRUCTION_SET_H
#define DP_TRAIN_INSTRUCTION_SET_H

// The instruction sets for which there are kernels, each with all that those before it have. All but the baseline of
// x86-64 fuse multiply-adds; the last two multiply bytes.
typedef enum { dp_baseline = 0, dp_avx2, dp_avx512, dp_avx512_vnni, dp_amx, dp_instruction_sets } dp_instruction_set;

// The best one that this CPU and operating system have.
dp_instruction_set dp_best_instruction_set(void);
// The one in use; the best one at first.
dp_instruction_set dp_used_instruction_set(void);
// Uses another one, at most the best; for comparisons. Not while kernels run.
void dp_use_instruction_set(dp_instruction_set set);

#endif
