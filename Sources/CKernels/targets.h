// What kernels are compiled with, and a CPU must have: what __attribute__((target)) names, dp_best_instruction_set looks
// for.
#ifndef DP_TRAIN_TARGETS_H
#define DP_TRAIN_TARGETS_H

// gcc fuses multiply-adds of its own choice whatever a source says, and lacks builtins for vectors that kernels are made of.
#if !defined(__clang__)
#error "the kernels are written for clang, which Swift compiles C with"
#endif

#define DP_AVX2_FEATURES "avx2,fma,bmi,bmi2"
#define DP_AVX512_FEATURES "avx512f,avx512bw,avx512dq,avx512vl," DP_AVX2_FEATURES
#define DP_AVX2_VNNI_FEATURES "avxvnni," DP_AVX2_FEATURES
#define DP_VNNI_FEATURES DP_AVX512_FEATURES ",avx512vnni"
#define DP_BFLOAT16_FEATURES DP_VNNI_FEATURES ",avx512bf16"
#define DP_AMX_FEATURES DP_VNNI_FEATURES ",amx-tile,amx-int8"

// Of arm64, besides what every CPU has.
#define DP_DOT_FEATURES "dotprod"

// What every x86-64 has does not fuse multiply-adds.
#if defined(__x86_64__) && !defined(__FMA__)
#define DP_SOFTWARE_FMA 1
#endif

// Where there are kernels for AMX: the system must be asked for the use of its tiles, and Linux is known how to.
#if defined(__x86_64__) && defined(__linux__)
#define DP_HAS_AMX 1
#endif

#endif
