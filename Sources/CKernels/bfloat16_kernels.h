// What the kernels for bfloat16 numbers of all instruction sets share: their tables, and types for their loops.
#ifndef DP_TRAIN_BFLOAT16_KERNELS_H
#define DP_TRAIN_BFLOAT16_KERNELS_H

#include <string.h>

#include "CKernels.h"
#include "fused.h"
#include "prefetch.h"

#define DP_BFLOAT16_MEMBER(name, parameters, arguments) void(*name) parameters;
typedef struct {
    DP_BFLOAT16_KERNELS(DP_BFLOAT16_MEMBER)
} dp_bfloat16_kernels;

extern const dp_bfloat16_kernels dp_bfloat16_baseline, dp_bfloat16_avx2, dp_bfloat16_avx512, dp_bfloat16_unit;

// Whether this process may use the unit: what it computes of small factors are the bits of Float's multiply-adds.
int dp_may_use_bfloat16_unit(void);

typedef float dp_floats __attribute__((vector_size(64), aligned(4)));
typedef uint32_t dp_pairs __attribute__((vector_size(64), aligned(4)));
// 16 and 32 numbers.
typedef uint16_t dp_sixteen __attribute__((vector_size(32), aligned(2)));
typedef uint16_t dp_thirty_two __attribute__((vector_size(64), aligned(2)));

#define DP_BFLOAT16_ENTRY(name, parameters, arguments) .name = dp_bf16_##name,

#define DP_STATIC static inline __attribute__((always_inline)) DP_TARGET
#define DP_UNROLL _Pragma("clang loop unroll(full)")
#define DP_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)

#endif
