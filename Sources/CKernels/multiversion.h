#ifndef DP_TRAIN_MULTIVERSION_H
#define DP_TRAIN_MULTIVERSION_H

// One definition, compiled for several instruction sets and chosen by the dynamic loader, where that exists.
#if defined(__x86_64__) && defined(__linux__) && defined(__GLIBC__)
#define DP_MULTIVERSION __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define DP_MULTIVERSION
#endif

#define DP_INLINE static inline __attribute__((always_inline))
#define DP_VECTORIZE _Pragma("clang loop vectorize(assume_safety)")

#endif
