// The counter-based random numbers Philox4x32-10, as in Tensors' Philox4x32.
//
// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC'11.
#ifndef DP_TRAIN_PHILOX_H
#define DP_TRAIN_PHILOX_H

#include <stdint.h>

typedef struct {
    uint32_t word[4];
} dp_philox_block;

static inline __attribute__((always_inline)) dp_philox_block dp_philox(uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3,
                                                                       uint32_t key0, uint32_t key1) {
    _Pragma("clang loop unroll(full)")
    for (int round = 0; round < 10; round++) {
        const uint64_t first = (uint64_t)c0 * 0xD2511F53u, second = (uint64_t)c2 * 0xCD9E8D57u;
        c0 = (uint32_t)(second >> 32) ^ c1 ^ key0;
        c1 = (uint32_t)second;
        c2 = (uint32_t)(first >> 32) ^ c3 ^ key1;
        c3 = (uint32_t)first;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    return (dp_philox_block){{c0, c1, c2, c3}};
}

#endif
